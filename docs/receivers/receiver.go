// Command receivers is an example of a receiver of webhooks in Go. Copy it, and replace the line that prints.
// docs/webhooks.md says what is sent; receiver.py and receiver.mjs do the same in Python and Node.js.
//
//	WEBHOOK_SECRET=whsec_… PORT=8080 go run ./docs/receivers
package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

func main() {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(os.Getenv("WEBHOOK_SECRET"), "whsec_"))
	if err != nil || len(key) < 24 {
		log.Fatal("WEBHOOK_SECRET must be the secret of the service, whsec_…") // anybody can sign with an empty one
	}
	webhook, err := webhooks.NewWebhookRaw(key)
	if err != nil {
		log.Fatal(err)
	}
	var mu sync.Mutex
	// A shop keeps the ids in its database, and adds one in the transaction that does what the event asks for: a crash
	// then leaves both or neither.
	handled := map[string]bool{}
	http.HandleFunc("POST /", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil || webhook.Verify(body, r.Header) != nil { // the bytes as they came, before they are parsed
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		var event struct {
			Type string
			Data struct{ ID string }
		}
		if json.Unmarshal(body, &event) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		if id := r.Header.Get("webhook-id"); !handled[id] {
			fmt.Println(event.Type, event.Data.ID)
			handled[id] = true
		}
		w.WriteHeader(http.StatusNoContent)
	})
	// On the machine itself: a proxy in front adds HTTPS.
	server := &http.Server{Addr: "127.0.0.1:" + os.Getenv("PORT"), ReadTimeout: 10 * time.Second}
	log.Fatal(server.ListenAndServe())
}
