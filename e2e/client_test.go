//go:build unix

package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const testUser = `{"username":"test","password":"test123","email":"test@test.com"}`

// reply is a response as a client sees it. Its status is 0 if no complete response arrived.
type reply struct {
	status int
	header http.Header
	body   string

	Code int
	Msg  string
	Data data
}

// data is the fields of all kinds of data that the tests look at.
type data struct {
	ID, UserID, Product, Status string
	Price                       json.Number
	CreatedAt                   string `json:"created_at"`
	Username, Email, Token      string
	RefreshToken                string `json:"refresh_token"`
}

// ok reports whether the service acknowledged the request, so that its effect must last.
func (r reply) ok() bool { return r.status == 200 && r.Code == 0 }

// send sends a request with http.DefaultClient. A token becomes the bearer token, and a body is sent as JSON;
// either may be empty.
func send(method, url, token, body string) reply {
	return sendBy(http.DefaultClient, method, url, token, body)
}

func sendBy(client *http.Client, method, url, token, body string) (answer reply) {
	return sendWith(client, nil, method, url, token, body)
}

// sendWith is sendBy with headers besides, each a name and a value.
func sendWith(client *http.Client, headers [][2]string, method, url, token, body string) (answer reply) {
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return reply{}
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for _, header := range headers {
		r.Header.Add(header[0], header[1])
	}
	response, err := client.Do(r)
	if err != nil {
		return reply{}
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return reply{}
	}
	isJSON := strings.HasPrefix(response.Header.Get("Content-Type"), "application/json")
	if isJSON && json.Unmarshal(text, &answer) != nil {
		return reply{}
	}
	answer.status, answer.header, answer.body = response.StatusCode, response.Header, string(text)
	return answer
}

// login returns a token of the test user, whom it registers first unless the name is taken.
func login(t *testing.T, base string) (token string) {
	t.Helper()
	require.Equal(t, 200, send("POST", base+"/user/register", "", testUser).status)
	answer := send("POST", base+"/user/login", "", testUser)
	require.True(t, answer.ok(), answer.body)
	return answer.Data.Token
}

// readyWithin waits until /readyz responds with a status.
func readyWithin(t *testing.T, base string, limit time.Duration, status int) {
	t.Helper()
	require.Eventually(t, func() bool { return send("GET", base+"/readyz", "", "").status == status },
		limit, 20*time.Millisecond, "/readyz never responds with %d", status)
}

func create(base, token, product string) reply {
	return send("POST", base+"/order/create", token, fmt.Sprintf(`{"product":%q,"price":1.5}`, product))
}

// ledger records what the service told its clients: every acknowledged order and whether it was cancelled.
type ledger struct {
	token string

	mu        sync.Mutex
	orders    map[string]data // by id
	cancelled map[string]bool // by id; false: requested but not acknowledged
	fresh     []string        // ids not checked yet

	unknown, unavailable int // failed requests, by the message of the response
}

func newLedger(token string) *ledger {
	return &ledger{token: token, orders: map[string]data{}, cancelled: map[string]bool{}}
}

// write creates an order, cancels every fifth one, and reports whether the service acknowledged both.
func (l *ledger) write(t *testing.T, base, client string, n int) bool {
	product := fmt.Sprintf("product %d of %s", n, client)
	answer := create(base, l.token, product)
	if !answer.ok() {
		l.failed(answer)
		return false
	}
	id := answer.Data.ID
	l.mu.Lock()
	l.orders[id] = answer.Data
	l.fresh = append(l.fresh, id)
	if n%5 == 0 {
		l.cancelled[id] = false
	}
	l.mu.Unlock()
	if n%5 > 0 {
		return true
	}
	answer = send("DELETE", base+"/order/cancel/"+id, l.token, "")
	if answer.status == 200 && answer.Code != 0 {
		t.Errorf("acknowledged order %s is lost: %s", id, answer.Msg)
	}
	if !answer.ok() {
		l.failed(answer)
		return false
	}
	l.mu.Lock()
	l.cancelled[id] = true
	l.mu.Unlock()
	return true
}

func (l *ledger) failed(answer reply) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if strings.Contains(answer.Msg, "结果未知") {
		l.unknown++
	} else {
		l.unavailable++
	}
}

func (l *ledger) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.orders)
}

// cancellations returns the number of acknowledged cancellations.
func (l *ledger) cancellations() (count int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, acknowledged := range l.cancelled {
		if acknowledged {
			count++
		}
	}
	return count
}

// await waits until count orders are acknowledged.
func (l *ledger) await(t *testing.T, count int) {
	t.Helper()
	require.Eventually(t, func() bool { return l.count() >= count }, 20*time.Second, 5*time.Millisecond,
		"fewer than %d orders are acknowledged", count)
}

// writeAll starts clients that write until a request fails. It returns a function that waits for them.
func (l *ledger) writeAll(t *testing.T, base string, clients int) (wait func()) {
	var group sync.WaitGroup
	for client := range clients {
		group.Go(func() {
			for n := 0; l.write(t, base, fmt.Sprint("client ", client), n); n++ {
				continue
			}
		})
	}
	return group.Wait
}

// writeOn starts clients that write until over is closed, whether or not requests fail. It returns a function that
// waits for them.
func (l *ledger) writeOn(t *testing.T, base string, clients int, over <-chan struct{}) (wait func()) {
	return l.pacedOn(t, base, clients, 0, over)
}

// pacedOn is writeOn with a pause after each write.
func (l *ledger) pacedOn(t *testing.T, base string, clients int, pause time.Duration, over <-chan struct{}) (wait func()) {
	var group sync.WaitGroup
	for client := range clients {
		group.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-over:
					return
				default:
				}
				if l.write(t, base, fmt.Sprint("client ", client), n) {
					time.Sleep(pause)
				} else {
					time.Sleep(max(pause, 20*time.Millisecond))
				}
			}
		})
	}
	return group.Wait
}

// checkFresh checks that base serves everything acknowledged since the last check.
func (l *ledger) checkFresh(t *testing.T, base string) {
	t.Helper()
	l.check(t, base, l.fresh)
	l.fresh = nil
}

// checkAll checks that base serves everything ever acknowledged.
func (l *ledger) checkAll(t *testing.T, base string) {
	t.Helper()
	var ids []string
	for id := range l.orders {
		ids = append(ids, id)
	}
	l.check(t, base, ids)
	t.Logf("%d orders and %d cancellations, none lost", len(l.orders), len(l.cancelled))
}

func (l *ledger) check(t *testing.T, base string, ids []string) {
	t.Helper()
	for _, id := range ids {
		answer := send("GET", base+"/order/query/"+id, l.token, "")
		require.Equal(t, 200, answer.status)
		acknowledged, asked := l.cancelled[id]
		switch {
		case acknowledged:
			require.Equal(t, "订单不存在", answer.Msg, "the cancellation of order %s is lost", id)
		case asked && answer.Code == 1: // cancelled, but the response was lost
		default:
			require.Zero(t, answer.Code, "order %s is lost: %s", id, answer.Msg)
			require.Equal(t, l.orders[id], answer.Data)
		}
	}
}
