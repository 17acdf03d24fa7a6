"""The backbones that Pomona can use: what each network is, what it expects of an image, and where it comes from."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal


class UnknownBackboneError(ValueError):
    """The name is not one of the registry's."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no backbone {name!r}; there are {', '.join(BACKBONES)}")


@dataclass(frozen=True)
class Preprocessing:
    """What happens to a pixel (0 to 255) before the first layer: order the channels, times scale, plus offset."""

    channels: Literal["RGB", "BGR"] = "RGB"
    scale: float = 1.0
    offset: tuple[float, float, float] = (0.0, 0.0, 0.0)  # in the order of `channels`

    def __str__(self) -> str:
        offset = ", ".join(f"{value:g}" for value in self.offset)
        return f"{self.channels} * {self.scale:.9g} + ({offset})"


@dataclass(frozen=True)
class Backbone:
    """A convolutional network without its classifier, averaged over the image's area to one vector.

    `application` is the class in `keras.applications`, `module` the one there that holds its `preprocess_input`.
    """

    name: str
    application: str
    module: str
    side: int  # pixels: height and width of the input
    output_width: int
    preprocessing: Preprocessing
    weights_file: str  # as Keras names it; without it in Keras's cache, Keras fetches it
    licence: str
    source: str
    fetched_by_keras: bool = True
    alpha: float | None = None  # MobileNet's width multiplier, where it is not 1


SYMMETRIC = Preprocessing(scale=1 / 127.5, offset=(-1.0, -1.0, -1.0))
# The ImageNet means that Caffe's models were trained with, subtracted without scaling.
CAFFE = Preprocessing(channels="BGR", offset=(-103.939, -116.779, -123.68))
INSIDE_THE_NETWORK = Preprocessing()

_DECLARED = (
    Backbone(
        name="fruitnet",
        application="MobileNetV2",
        module="mobilenet_v2",
        side=96,
        output_width=1280,
        preprocessing=SYMMETRIC,
        weights_file="fruitnet.weights.h5",
        licence="MIT",
        source="MobileNetV2 0.35 (Sandler et al. 2018, arXiv:1801.04381) trained from scratch on Fruits-360 "
        "(Oltean and Muresan, MIT licence) by backbones/train_fruitnet.py",
        alpha=0.35,
        fetched_by_keras=False,
    ),
    Backbone(
        name="mobilenet_v2",
        application="MobileNetV2",
        module="mobilenet_v2",
        side=224,
        output_width=1280,
        preprocessing=SYMMETRIC,
        weights_file="mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5",
        licence="Apache-2.0",
        source="Sandler et al. 2018, MobileNetV2: Inverted Residuals and Linear Bottlenecks, arXiv:1801.04381; "
        "ImageNet weights of Keras",
    ),
    Backbone(
        name="vgg16",
        application="VGG16",
        module="vgg16",
        side=224,
        output_width=512,
        preprocessing=CAFFE,
        weights_file="vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
        licence="CC-BY-4.0",
        source="Simonyan and Zisserman 2014, Very Deep Convolutional Networks for Large-Scale Image Recognition, "
        "arXiv:1409.1556; ImageNet weights of Keras, ported from the Visual Geometry Group, Oxford",
    ),
    Backbone(
        name="inception_v3",
        application="InceptionV3",
        module="inception_v3",
        side=299,
        output_width=2048,
        preprocessing=SYMMETRIC,
        weights_file="inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5",
        licence="Apache-2.0",
        source="Szegedy et al. 2015, Rethinking the Inception Architecture for Computer Vision, arXiv:1512.00567; "
        "ImageNet weights of Keras",
    ),
    Backbone(
        name="resnet50",
        application="ResNet50",
        module="resnet",
        side=224,
        output_width=2048,
        preprocessing=CAFFE,
        weights_file="resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
        licence="MIT",
        source="He et al. 2015, Deep Residual Learning for Image Recognition, arXiv:1512.03385; "
        "ImageNet weights of Keras, ported from Kaiming He's",
    ),
    Backbone(
        name="efficientnet_b0",
        application="EfficientNetB0",
        module="efficientnet",
        side=224,
        output_width=1280,
        preprocessing=INSIDE_THE_NETWORK,
        weights_file="efficientnetb0_notop.h5",
        licence="Apache-2.0",
        source="Tan and Le 2019, EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks, "
        "arXiv:1905.11946; ImageNet weights of Keras",
    ),
)

BACKBONES: Mapping[str, Backbone] = MappingProxyType({backbone.name: backbone for backbone in _DECLARED})


def backbone_named(name: str) -> Backbone:
    """Return the backbone of this name; UnknownBackboneError says which names there are."""
    try:
        return BACKBONES[name]
    except KeyError:
        raise UnknownBackboneError(name) from None
