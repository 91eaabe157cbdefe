package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/database"
	"userorder/database/databasetest"
)

// ledger is what clients were told: the product and the fate of each order that was acknowledged.
type ledger struct {
	token string

	mu        sync.Mutex
	product   map[string]string // by id
	cancelled map[string]bool   // true: acknowledged; false: asked for, but no answer came
}

// reply is what a client sees of an answer.
type reply struct {
	Code int
	Msg  string
	Data struct{ ID, Product, Token string }
}

// send makes a request of a client; ok is false if no whole answer came back.
func (l *ledger) send(method, url, body string) (answer reply, ok bool) {
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return reply{}, false
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+l.token)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return reply{}, false
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	return answer, err == nil && response.StatusCode == http.StatusOK && json.Unmarshal(text, &answer) == nil
}

// write creates orders, and cancels one in five, until the service is gone.
func (l *ledger) write(t *testing.T, base string, client int) {
	for n := 0; ; n++ {
		product := fmt.Sprintf("product %d of client %d", n, client)
		answer, ok := l.send("POST", base+"/order/create", fmt.Sprintf(`{"product":%q,"price":1.5}`, product))
		if !ok || answer.Code != 0 {
			return
		}
		id := answer.Data.ID
		l.mu.Lock()
		l.product[id] = product
		l.mu.Unlock()
		if n%5 > 0 {
			continue
		}
		l.mu.Lock()
		l.cancelled[id] = false
		l.mu.Unlock()
		answer, ok = l.send("DELETE", base+"/order/cancel/"+id, "")
		if ok && answer.Code != 0 {
			t.Errorf("order %s was acknowledged and is gone: %s", id, answer.Msg)
		}
		if !ok {
			return
		}
		l.mu.Lock()
		l.cancelled[id] = true
		l.mu.Unlock()
	}
}

// check compares what the service says now with what it acknowledged.
func (l *ledger) check(t *testing.T, base string) {
	t.Helper()
	for id, product := range l.product {
		answer, ok := l.send("GET", base+"/order/query/"+id, "")
		require.True(t, ok)
		acknowledged, asked := l.cancelled[id]
		switch {
		case acknowledged:
			require.Equal(t, "订单不存在", answer.Msg, "the cancelling of order %s is lost", id)
		case asked && answer.Code == 1: // cancelled, though nobody heard of it
		default:
			require.Zero(t, answer.Code, "order %s is lost: %s", id, answer.Msg)
			require.Equal(t, product, answer.Data.Product)
		}
	}
}

// TestNoAcknowledgedWriteIsLostWhenTheProgramIsKilled pulls the plug on the program, not on the machine.
func TestNoAcknowledgedWriteIsLostWhenTheProgramIsKilled(t *testing.T) {
	databasetest.EachURL(t, func(t *testing.T, url string) {
		const rounds, clients = 3, 8
		dir := t.TempDir()
		settings := []string{"DATABASE_URL=" + url, "JWT_SECRET=" + strings.Repeat("s", 32)}
		l := &ledger{product: map[string]string{}, cancelled: map[string]bool{}}
		for round := range rounds {
			p := start(t, dir, settings...)
			base := p.stdout.baseURL(t)
			if round == 0 {
				_, ok := l.send("POST", base+"/user/register", testUser)
				require.True(t, ok)
				answer, ok := l.send("POST", base+"/user/login", testUser)
				require.True(t, ok)
				l.token = answer.Data.Token
			}
			l.check(t, base)
			before := len(l.product)
			var group sync.WaitGroup
			for client := range clients {
				group.Go(func() { l.write(t, base, client) })
			}
			time.Sleep(200*time.Millisecond + rand.N(200*time.Millisecond))
			require.NoError(t, p.Process.Kill())
			group.Wait()
			_ = p.Wait()
			require.Greater(t, len(l.product), before, "nothing was written in this round")
		}
		p := start(t, dir, settings...)
		l.check(t, p.stdout.baseURL(t))
		t.Logf("%d orders and %d cancellations, none lost", len(l.product), len(l.cancelled))

		if _, ok := database.SQLitePath(url); ok {
			var verdict string
			row := databasetest.Open(t, url).QueryRow(t.Context(), "PRAGMA integrity_check")
			require.NoError(t, row.Scan(&verdict))
			require.Equal(t, "ok", verdict)
		}
	})
}
