// Command go asks a question about a file below one of the server's media roots, and
// prints the answer: go run ./examples/go URL FILE QUESTION
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"net/url"
	"os"
)

func main() {
	body, _ := json.Marshal(map[string]any{
		"uri": (&url.URL{Scheme: "file", Path: os.Args[2]}).String(), "questions": []map[string]string{{"question": os.Args[3]}},
	})
	reply, err := http.Post(os.Args[1]+"/v1/questions", "application/json", bytes.NewReader(body))
	if err != nil {
		log.Fatal(err)
	}
	defer reply.Body.Close()
	var outcome struct {
		Results []struct{ Answer struct{ Answer string } }
		Detail  string // of a refusal
	}
	if err := json.NewDecoder(reply.Body).Decode(&outcome); err != nil || len(outcome.Results) == 0 {
		log.Fatal(reply.Status, ": ", outcome.Detail, err)
	}
	fmt.Println(outcome.Results[0].Answer.Answer)
}
