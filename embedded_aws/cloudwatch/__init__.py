"""CloudWatch: what was measured, and alarms that are evaluated by the rules of CloudWatch's user guide.

`emf`, `metrics`, `expressions`, `evaluation`, `definitions` and `notification` decide and touch nothing;
`backend` is moto's CloudWatch with a memory, `evaluator` measures the queues and evaluates every alarm again and again.
"""
