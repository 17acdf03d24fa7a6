"""CloudWatch: metrics, and alarms that are evaluated by the rules of CloudWatch's user guide.

`emf`, `metrics`, `expressions`, `evaluation`, `definitions` and `notification` are pure. `backend` is moto's CloudWatch
with metrics and alarm states that survive a restart; `evaluator` measures the queues and evaluates the alarms.
"""
