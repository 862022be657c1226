"""Asks a question over Kafka and prints its outcome: kafka_client.py BROKERS FILE QUESTION (pip install confluent-kafka)"""
import json, pathlib, sys, uuid
from confluent_kafka import Consumer, Producer

brokers, file, question = sys.argv[1:]
uri, name = pathlib.Path(file).absolute().as_uri(), "q-" + uuid.uuid4().hex
producer = Producer({"bootstrap.servers": brokers})
producer.produce("vqa.questions.v1", key=uri, value=json.dumps({"question_id": name, "question": question, "uri": uri}))
producer.flush()
consumer = Consumer({"bootstrap.servers": brokers, "group.id": name, "auto.offset.reset": "earliest"})  # a program that stays keeps one group
consumer.subscribe(["vqa.answers.v1", "vqa.dlq.v1"])
while True:
    record = consumer.poll(1)
    outcome = json.loads(record.value()) if record and not record.error() else {}
    if outcome.get("question_id") == name:
        break
consumer.close()
print(outcome["answer"] if "answer" in outcome else f'{outcome["error_kind"]}: {outcome["reason"]}')
