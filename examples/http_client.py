"""Uploads a file, asks a question about it and prints the answer: http_client.py URL FILE QUESTION (pip install requests)"""
import json, os, sys, requests

url, file, question = sys.argv[1:]
headers = {"Authorization": "Bearer " + os.environ["VIDEOQA_KEY"]} if "VIDEOQA_KEY" in os.environ else {}
with open(file, "rb") as media:
    parts = {"request": (None, json.dumps({"questions": [{"question": question}]}), "application/json"), "media": media}
    reply = requests.post(url + "/v1/questions", files=parts, headers=headers, timeout=120)
outcome = reply.json()  # a refusal is JSON too, and says why
result = outcome.get("results", [{"problem": outcome}])[0]
print(result["answer"]["answer"] if "answer" in result else result.get("problem", "it still waits"))
