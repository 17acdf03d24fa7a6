"""Keys that whoever may write to the images bucket could choose to reach a shell, an SQL text, a path or a page."""

LONGEST = "漢" * 338 + "🍎/x.jpg"
KEYS = (
    "'; drop table x; --",
    "'; drop table x; --/1.jpg",
    "1' OR '1'='1/`features`/2.jpg",
    "<script>alert(1)</script>.jpg",
    "</script><script>alert(1)</script>/3.jpg",
    '"><img src=x onerror=alert(1)>/4.jpg',
    "$(touch pomona-owned)/`touch pomona-owned`/5.jpg",
    "; touch pomona-owned #/6.jpg",
    "--conf spark.master=x/7.jpg",
    "a//b.jpg",
    "../x.jpg",
    "../../../../tmp/pomona-owned/8.jpg",
    "/etc/passwd",
    "{{7*7}}${7*7}%s{0}/9.jpg",
    '=HYPERLINK("http://evil","x")/10.jpg',
    'a "quoted", comma/11.jpg',
    "new\nline/12.jpg",
    "\u202egnp.jpg/13.jpg",
    "%2e%2e%2fred+flower%00/14.jpg",
    LONGEST,
)
