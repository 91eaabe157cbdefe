package order

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"userorder/database"
	"userorder/database/databasetest"
	"userorder/webhook"
)

const webhookSecret = "whsec_bm90IGEgc2VjcmV0LCBvbmx5IGZvciB0ZXN0cw=="

// received is what a receiver got in one request.
type received struct {
	ID, Type, Timestamp string
	Order, Version      int
	body                string
	header              http.Header
}

func (r received) String() string { return fmt.Sprintf("%d %s", r.Order, r.Type) }

// receiver is a server that webhooks are sent to.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	all    []received
	answer func(r received, tries int) (status int) // tries so far of this event, this one included
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{answer: func(received, int) int { return http.StatusNoContent }}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	var message struct {
		Type, Timestamp string
		Data            struct {
			ID      int `json:",string"`
			Version int
		}
	}
	if err := json.Unmarshal(body, &message); err != nil {
		panic(err)
	}
	got := received{
		request.Header.Get("webhook-id"), message.Type, message.Timestamp, message.Data.ID, message.Data.Version, string(body), request.Header,
	}
	r.mu.Lock()
	r.all = append(r.all, got)
	tries := 0
	for _, one := range r.all {
		if one.ID == got.ID {
			tries++
		}
	}
	answer := r.answer
	r.mu.Unlock()
	w.WriteHeader(answer(got, tries))
}

// got returns what the receiver got so far.
func (r *receiver) got() []received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.all)
}

// text returns got as a text.
func (r *receiver) text() string {
	var all []string
	for _, one := range r.got() {
		all = append(all, one.String())
	}
	return strings.Join(all, ", ")
}

// refuse makes the receiver answer 500 to orders, or to all of them.
func (r *receiver) refuse(orders ...int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = func(got received, _ int) int {
		if len(orders) == 0 || slices.Contains(orders, got.Order) {
			return http.StatusInternalServerError
		}
		return http.StatusNoContent
	}
}

// sender is a process that sends webhooks and whose clock stands still.
type sender struct {
	client
	now *time.Time
	log *bytes.Buffer
}

// senderTo returns a process that sends webhooks to receivers.
func senderTo(t *testing.T, db *database.DB, now *time.Time, urls ...string) sender {
	secret, err := webhook.ParseSecret(webhookSecret)
	require.NoError(t, err)
	client := webhook.NewClient(secret)
	t.Cleanup(client.Close)
	log := &bytes.Buffer{}
	cfg := Webhooks{Client: client, Log: slog.New(slog.NewTextHandler(log, nil))}
	for _, url := range urls {
		to, err := webhook.ParseURL(url)
		require.NoError(t, err)
		cfg.Endpoints = append(cfg.Endpoints, to)
	}
	return sender{mounted(t, Config{DB: db, Now: func() time.Time { return *now }, Webhooks: cfg}, discard), now, log}
}

// send sends what is due to all webhooks.
func (s sender) send() {
	s.t.Helper()
	for _, d := range s.module.handler.service.webhooks.dispatchers {
		more, err := d.run(s.t.Context())
		require.NoError(s.t, err)
		require.False(s.t, more)
	}
}

// pass lets time pass and sends what is due then.
func (s sender) pass(d time.Duration) {
	s.t.Helper()
	*s.now = s.now.Add(d)
	s.send()
}

type listedWebhook struct {
	URL, Oldest string
	LastError   string `json:"last_error"`
	NextTry     string `json:"next_try"`
	Waiting     int
}

func (s sender) listed() []listedWebhook {
	return decoded[struct{ Webhooks []listedWebhook }](s.t, s.as(staff, "GET /order/webhooks", "")).Webhooks
}

// begin is when the clocks of these tests begin.
func begin() *time.Time {
	now := time.UnixMilli(1_795_000_000_000)
	return &now
}

func TestAnEventIsSentAsTheSpecificationSays(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		r := newReceiver(t)
		s := senderTo(t, db, begin(), r.URL)
		require.Equal(t, "0", code(s.as(7, createLine, `{"product":"product1","price":9.5,"metadata":{"size":"M"}}`)))
		*s.now = s.now.Add(time.Second)
		s.set(staff, 1, "paid")
		s.send()
		require.Equal(t, "1 order.created, 1 order.paid", r.text())
		got := r.got()
		require.Equal(t, []string{"evt_1", "evt_2"}, []string{got[0].ID, got[1].ID})
		const want = `{"type":"order.created","timestamp":"2026-11-18T11:06:40.000Z","data":{"id":"1","userid":"7",` +
			`"product":"product1","price":9.5,"status":"created","created_at":"2026-11-18T11:06:40.000Z",` +
			`"updated_at":"2026-11-18T11:06:40.000Z","version":1,"metadata":{"size":"M"}}}`
		require.Equal(t, want, got[0].body, "the order as it was then") //nolint:testifylint // JSONEq is too weak for that
		require.Contains(t, got[1].body, `"status":"paid"`)
		require.Contains(t, got[1].body, `"timestamp":"2026-11-18T11:06:41.000Z"`)
		verifier, err := standard.NewWebhook(webhookSecret)
		require.NoError(t, err)
		require.NoError(t, verifier.Verify([]byte(got[0].body), got[0].header))
		require.Equal(t, "application/json", got[0].header.Get("Content-Type"))

		s.send()
		require.Len(t, r.got(), 2, "nothing comes twice")
		require.Equal(t, []listedWebhook{{URL: r.URL}}, s.listed())
	})
}

func TestAnEventThatIsRefusedHoldsBackItsOrderAlone(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		r := newReceiver(t)
		s := senderTo(t, db, begin(), r.URL+"/hook?token=secret")
		r.refuse(1)
		s.made("paid", "shipped")
		s.made("paid")
		s.send()
		require.ElementsMatch(t, []string{"1 order.created", "2 order.created", "2 order.paid"}, strings.Split(r.text(), ", "))
		listed := s.listed()[0]
		require.Equal(t, r.URL+"/hook?***", listed.URL)
		require.Equal(t, 3, listed.Waiting)
		require.Equal(t, "2026-11-18T11:06:40.000Z", listed.Oldest)
		require.Equal(t, "status 500", listed.LastError)

		r.refuse(0)
		s.set(7, 1, "completed")
		s.send()
		require.Len(t, r.got(), 3, "it is not due yet, nor is what follows it")
		s.pass(7 * time.Second)
		require.Equal(t, "1 order.created, 1 order.paid, 1 order.shipped, 1 order.completed", strings.Join(strings.Split(r.text(), ", ")[3:], ", "))
		require.Equal(t, listedWebhook{URL: r.URL + "/hook?***"}, s.listed()[0])
		require.NotContains(t, s.log.String(), "secret")
		require.Equal(t, 1, strings.Count(s.log.String(), "webhook fails"))
		require.NotContains(t, s.log.String(), "webhook works again", "before a minute has passed without a failure")
		*s.now = s.now.Add(2 * time.Minute)
		s.made()
		s.send()
		require.Contains(t, s.log.String(), `msg="webhook works again" webhook=`+r.URL+`/hook?*** failures=1`)
	})
}

func TestWhenAnEventIsTriedAgain(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		r := newReceiver(t)
		s := senderTo(t, db, begin(), r.URL)
		r.refuse()
		s.made("paid")
		s.send()
		hour := time.Hour
		for tries, delay := range []time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute, hour, hour} {
			require.Len(t, r.got(), tries+1)
			due, err := time.Parse(time.RFC3339, s.listed()[0].NextTry)
			require.NoError(t, err)
			require.InDelta(t, delay, due.Sub(*s.now), float64(delay/5)+float64(time.Millisecond), "after %d tries", tries+1)
			s.pass(due.Sub(*s.now) - time.Millisecond)
			require.Len(t, r.got(), tries+1, "before it is due")
			s.pass(time.Millisecond)
		}
		*s.now = begin().Add(72*time.Hour - time.Millisecond)
		s.send()
		require.NotContains(t, s.log.String(), "given up")
		s.pass(2 * time.Hour)
		require.Contains(t, s.log.String(), `msg="webhook event given up" webhook=`+r.URL+` order=1 event=1 error="status 500"`)
		s.send()
		require.Equal(t, "1 order.paid", r.got()[len(r.got())-1].String(), "the next one goes out")
		require.Equal(t, 1, s.listed()[0].Waiting)
		stats, err := s.module.Webhooks(t.Context())
		require.NoError(t, err)
		require.EqualValues(t, 1, stats[0].GivenUp)
		require.EqualValues(t, len(r.got()), stats[0].Failed)
		require.Zero(t, stats[0].Delivered)
		require.Equal(t, s.now.Sub(*begin()), stats[0].Oldest)
	})
}

func TestStaffMakesAllThatWaitsDue(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		r := newReceiver(t)
		s := senderTo(t, db, begin(), r.URL)
		r.refuse()
		s.made()
		s.made()
		s.send()
		s.pass(10 * time.Second)
		require.Len(t, r.got(), 4)
		r.refuse(0)
		s.send()
		require.Len(t, r.got(), 4)
		for _, body := range []string{"", "{}"} {
			w := s.as(staff, "POST /order/webhooks/retry", body)
			require.JSONEq(t, `{"code":0,"msg":"修改成功","data":{}}`, w.Body.String())
		}
		s.send()
		require.Len(t, r.got(), 6)
		require.Equal(t, 0, s.listed()[0].Waiting)
	})
}

func TestOnlyStaffSeesWebhooks(t *testing.T) {
	s := alone(t, databasetest.Open(t, databasetest.SQLite(t)))
	for _, line := range []string{"GET /order/webhooks", "POST /order/webhooks/retry"} {
		require.Equal(t, "403", code(s.as(7, line, "")), line)
		require.Equal(t, "0", code(s.as(staff, line, "")), line)
	}
	require.Equal(t, "400", code(s.as(staff, "POST /order/webhooks/retry", `{`)))
	require.JSONEq(t, `{"code":0,"msg":"查询成功","data":{"webhooks":[]}}`, s.as(staff, "GET /order/webhooks", "").Body.String())
}

func TestANewWebhookBeginsWithWhatFollowsAndAKnownOneGoesOn(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		now, r, other := begin(), newReceiver(t), newReceiver(t)
		alone(t, db).made("paid")
		s := senderTo(t, db, now, r.URL)
		s.made()
		s.send()
		require.Equal(t, "2 order.created", r.text())

		s.made()
		without := senderTo(t, db, now, other.URL)
		without.made()
		without.send()
		require.Equal(t, "4 order.created", other.text())
		forget := func() {
			_, err := without.module.handler.service.webhooks.forget(t.Context())
			require.NoError(t, err)
		}
		*now = now.Add(71 * time.Hour)
		forget()
		senderTo(t, db, now, r.URL, other.URL).send()
		require.ElementsMatch(t, []string{"2 order.created", "3 order.created", "4 order.created"}, strings.Split(r.text(), ", "), "it was away for less than 72 hours")
		require.Len(t, other.got(), 1)

		r.refuse()
		without.made()
		senderTo(t, db, now, r.URL).send()
		without.made()
		*now = now.Add(73 * time.Hour)
		forget()
		require.Contains(t, without.log.String(), `msg="webhook forgotten" webhook=`+r.URL)
		var lanes int
		require.NoError(t, db.QueryRow(t.Context(), "SELECT count(*) FROM webhook_lanes").Scan(&lanes))
		require.Zero(t, lanes)
		r.refuse(0)
		s = senderTo(t, db, now, r.URL)
		s.made()
		s.send()
		require.Equal(t, "7 order.created", r.got()[len(r.got())-1].String(), "it is new again")
	})
}

func TestAWebhookLearnsOfEventsHoweverManyThereWereBefore(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		r, c := newReceiver(t), alone(t, db)
		for range 2 * maxCalls {
			c.made()
		}
		s := senderTo(t, db, begin(), r.URL)
		for range 2 {
			s.send()
			s.made()
		}
		s.send()
		require.Equal(t, "65 order.created, 66 order.created", r.text())
	})
}

func TestLanesThatStayAreNotReadToForgetOthers(t *testing.T) {
	db := databasetest.Open(t, databasetest.SQLite(t))
	require.NoError(t, Migrate(t.Context(), db))
	plan := explained(t, db, "EXPLAIN QUERY PLAN "+forgetLanes, []any{1}, func(row *database.Row) (detail string, err error) {
		var id, parent, unused int64
		err = row.Scan(&id, &parent, &unused, &detail)
		return detail, err
	})
	require.Contains(t, plan, "SEARCH webhook_lanes USING COVERING INDEX webhook_lanes_order (webhook_id=?)")
}

func TestProcessesShareTheEventsAndNoneIsSentTwice(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		const orders = 100
		now, r := begin(), newReceiver(t)
		processes := []sender{senderTo(t, db, now, r.URL), senderTo(t, db, now, r.URL), senderTo(t, db, now, r.URL)}
		var creating, sending sync.WaitGroup
		for worker := range 4 {
			creating.Go(func() {
				for i := range orders / 4 {
					processes[(worker+i)%3].made("paid", "shipped")
				}
			})
		}
		created := make(chan struct{})
		for _, p := range processes {
			sending.Go(func() {
				for done := false; !done; {
					select {
					case <-created:
						done = true
					case <-time.After(time.Millisecond):
					}
					p.send()
				}
			})
		}
		creating.Wait()
		close(created)
		sending.Wait()
		processes[0].send()
		seen := map[int]string{}
		for _, one := range r.got() {
			seen[one.Order] += strings.TrimPrefix(one.Type, "order.") + " "
		}
		require.Len(t, seen, orders)
		for order, types := range seen {
			require.Equal(t, "created paid shipped ", types, "order %d", order)
		}
		require.Zero(t, processes[0].listed()[0].Waiting)
	})
}

func TestWhatAProcessThatDiedWasSendingIsSentByAnother(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		now, r := begin(), newReceiver(t)
		dead, alive := senderTo(t, db, now, r.URL), senderTo(t, db, now, r.URL)
		alive.made("paid")
		d := dead.module.handler.service.webhooks.dispatchers[0]
		claimed, err := d.turn(t.Context(), maxCalls)
		require.NoError(t, err)
		require.Len(t, claimed, 1)

		require.Equal(t, "0", code(alive.as(staff, "POST /order/webhooks/retry", "")))
		alive.pass(callLease - time.Millisecond)
		require.Empty(t, r.got(), "the other may be sending it")
		alive.pass(time.Millisecond)
		require.Equal(t, "1 order.created, 1 order.paid", r.text())

		d.ended = []outcome{{claimed[0], *now, errors.New("late")}}
		dead.send()
		require.Len(t, r.got(), 2, "what it says later is not heard")
		require.Zero(t, alive.listed()[0].Waiting)
	})
}

// A connection may be lost after a COMMIT, or before what the turn has claimed is read.
func TestATurnWhoseSuccessIsNotKnownPassesNoEventOver(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		now, r := begin(), newReceiver(t)
		s := senderTo(t, db, now, r.URL)
		d := s.dispatcher()
		sent := func() []outcome {
			next, err := d.turn(t.Context(), maxCalls)
			require.NoError(t, err)
			require.Len(t, next, 2)
			return []outcome{{next[0], *now, nil}, {next[1], *now, nil}}
		}
		s.made("paid", "shipped", "completed")
		s.made("paid")
		ended := sent()
		d.ended = ended
		sent() // the second event of each, but nobody is told
		d.ended = ended
		s.send()
		require.Empty(t, r.got())
		s.pass(callLease + time.Second)
		require.ElementsMatch(t, []string{"1 order.paid", "1 order.shipped", "1 order.completed", "2 order.paid"}, strings.Split(r.text(), ", "))
	})
}

func TestAnOrderThatAnOperatorHasDeletedIsPassedOver(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		now, r := begin(), newReceiver(t)
		s := senderTo(t, db, now, r.URL)
		s.made("paid")
		s.made()
		_, err := db.Exec(t.Context(), "DELETE FROM orders WHERE id = 1")
		require.NoError(t, err)
		s.send()
		require.Equal(t, "2 order.created", r.text())
		require.Zero(t, s.listed()[0].Waiting)
	})
}
