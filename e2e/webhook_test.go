//go:build unix

package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"userorder/database/databasetest"
)

const (
	webhookSecret         = "whsec_bm90IGEgc2VjcmV0LCBvbmx5IGZvciB0ZXN0cw=="
	previousWebhookSecret = "whsec_YW4gb2xkZXIgb25lLCBhbmQgbm8gc2VjcmV0IGVpdGhlcg=="

	// webhookLease is how long an event waits after the process that was sending it has died.
	webhookLease = 25 * time.Second
)

// call is what a receiver of webhooks has got in one request.
type call struct {
	id, kind, at string // of the event; its time
	order        placed
	begun        time.Time
	answered     time.Time // just before the answer
	taken        bool      // the answer was a 2xx, and was written
}

func (c call) String() string { return c.order.ID + " " + strings.TrimPrefix(c.kind, "order.") }

// answerFunc answers a call, and notes when and whether it was taken.
type answerFunc = func(w http.ResponseWriter, r *http.Request, c *call)

// receiver is a server that webhooks are sent to.
type receiver struct {
	*httptest.Server
	verifiers []*standard.Webhook

	mu     sync.Mutex
	answer answerFunc
	begun  int // calls
	calls  []call
	wrong  []string // what must not come
}

// take answers 204.
func take(w http.ResponseWriter, _ *http.Request, c *call) {
	c.answered = time.Now()
	w.WriteHeader(http.StatusNoContent)
	c.taken = http.NewResponseController(w).Flush() == nil
}

// refuse answers with a status.
func refuse(status int) answerFunc {
	return func(w http.ResponseWriter, _ *http.Request, _ *call) { w.WriteHeader(status) }
}

// hang answers nothing until the client is gone.
func hang(_ http.ResponseWriter, r *http.Request, _ *call) { <-r.Context().Done() }

// newReceiver returns a receiver that takes everything at /hook.
func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{answer: take}
	for _, secret := range []string{webhookSecret, previousWebhookSecret} {
		verifier, err := standard.NewWebhook(secret)
		require.NoError(t, err)
		r.verifiers = append(r.verifiers, verifier)
	}
	r.Server = httptest.NewServer(r)
	t.Cleanup(func() {
		r.Close()
		require.Empty(t, r.wrong)
	})
	return r
}

// settings returns the settings of a service that sends its events to the receiver.
func (r *receiver) settings(more ...string) []string {
	return append([]string{"WEBHOOK_URLS=" + r.URL + "/hook", "WEBHOOK_SECRET=" + webhookSecret, "WEBHOOK_SECRET_PREVIOUS=" + previousWebhookSecret}, more...)
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	c := call{begun: time.Now()}
	r.mu.Lock()
	r.begun++
	answer := r.answer
	r.mu.Unlock()
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return // the client was killed
	}
	r.check(&c, request, body)
	answer(w, request, &c)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, c)
}

// check reads a message, and notes it if it is not as the specification says.
func (r *receiver) check(c *call, request *http.Request, body []byte) {
	wrong := func(what string) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.wrong = append(r.wrong, what+": "+string(body))
	}
	var message struct {
		Type, Timestamp string
		Data            placed
	}
	if err := json.Unmarshal(body, &message); err != nil {
		wrong(err.Error())
	}
	if line := request.Method + " " + request.URL.Path; line != "POST /hook" {
		wrong(line)
	}
	for _, verifier := range r.verifiers {
		if err := verifier.Verify(body, request.Header); err != nil {
			wrong(err.Error())
		}
	}
	c.id = strings.TrimPrefix(request.Header.Get("webhook-id"), "evt_")
	c.kind, c.at, c.order = message.Type, message.Timestamp, message.Data
}

// answering makes the receiver answer differently from now on.
func (r *receiver) answering(answer answerFunc) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = answer
}

// got returns the calls that have ended.
func (r *receiver) got() []call {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.calls)
}

// underWay returns the number of calls that have not ended.
func (r *receiver) underWay() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.begun - len(r.calls)
}

// taken returns the events that were taken, sorted, those that were taken more than once too.
func (r *receiver) taken() (events []string) {
	for _, c := range r.got() {
		if c.taken {
			events = append(events, c.String())
		}
	}
	slices.Sort(events)
	return events
}

// await waits until the receiver has taken a number of events.
func (r *receiver) await(t *testing.T, count int, limit time.Duration) {
	t.Helper()
	require.Eventually(t, func() bool { return len(r.taken()) >= count }, limit, 5*time.Millisecond, "fewer than %d events come", count)
}

// queue is what waits for a webhook.
type queue struct {
	URL, Oldest string
	Waiting     int
	LastError   string `json:"last_error"`
	NextTry     string `json:"next_try"`
}

// queueAt returns what waits for the webhook of a service that has one.
func queueAt(base, staff string) (q queue, err error) {
	all, err := dataOf[struct{ Webhooks []queue }](send("GET", base+"/order/webhooks", staff, ""))
	if err == nil && len(all.Webhooks) != 1 {
		err = fmt.Errorf("there are %d webhooks", len(all.Webhooks))
	}
	if err != nil {
		return queue{}, err
	}
	return all.Webhooks[0], nil
}

func TestAStopLosesNoCallOfAWebhook(t *testing.T) {
	databasetest.EachURL(t, func(t *testing.T, url string) {
		const orders = 40 // more than there are calls at once
		r := newReceiver(t)
		r.answering(func(w http.ResponseWriter, request *http.Request, c *call) {
			time.Sleep(time.Second)
			take(w, request, c)
		})
		dir := t.TempDir()
		p := start(t, dir, r.settings("DATABASE_URL="+url)...)
		token := login(t, p.url(t))
		for range orders {
			require.True(t, create(p.url(t), token, "for the receiver").ok())
		}
		require.Eventually(t, func() bool { return r.underWay() > 0 }, 10*time.Second, time.Millisecond)
		began := time.Now()
		p.stop(t)
		require.Less(t, time.Since(began), 8*time.Second, "it waits for more than the calls under way")
		before := len(r.taken())
		require.Zero(t, r.underWay(), "it has cut calls off")
		require.NotZero(t, before)
		require.Less(t, before, orders)

		p = start(t, dir, r.settings("DATABASE_URL="+url)...)
		r.await(t, orders, 10*time.Second)
		staff := clerk(t, p.url(t), url)
		require.Eventually(t, func() bool {
			q, err := queueAt(p.url(t), staff)
			return err == nil && q.Waiting == 0
		}, 10*time.Second, 10*time.Millisecond)
		require.Len(t, r.got(), orders, "an event came twice")
		require.Len(t, slices.Compact(r.taken()), orders)
		t.Logf("%d events before the stop, %d after it", before, orders-before)
	})
}

func TestAProcessThatStartsWithNothingWaitingSendsWhatFollows(t *testing.T) {
	databasetest.EachURL(t, func(t *testing.T, url string) {
		const orders = 100 // more than one turn sends
		r, dir := newReceiver(t), t.TempDir()
		p := start(t, dir, r.settings("DATABASE_URL="+url)...)
		base := p.url(t)
		token, staff := login(t, base), clerk(t, base, url)
		for range orders {
			require.True(t, create(base, token, "before").ok())
		}
		r.await(t, orders, 10*time.Second)
		r.requireEmptied(t, base, staff, 0)
		p.stop(t)
		base = start(t, dir, r.settings("DATABASE_URL="+url)...).url(t)
		time.Sleep(time.Second) // in which it looks for events
		require.True(t, create(base, token, "after").ok())
		r.await(t, orders+1, 5*time.Second)
	})
}

func TestACallThatHangsIsCutOffByAStopAndMadeAgainAtOnce(t *testing.T) {
	databasetest.EachURL(t, func(t *testing.T, url string) {
		r := newReceiver(t)
		r.answering(hang)
		dir := t.TempDir()
		p := start(t, dir, r.settings("DATABASE_URL="+url)...)
		token := login(t, p.url(t))
		require.True(t, create(p.url(t), token, "for a receiver that hangs").ok())
		require.Eventually(t, func() bool { return r.underWay() == 1 }, 10*time.Second, time.Millisecond)
		began := time.Now()
		p.stop(t)
		require.Greater(t, time.Since(began), 2*time.Second, "it does not wait for the call")
		require.Less(t, time.Since(began), 8*time.Second)
		r.answering(take)

		p = start(t, dir, r.settings("DATABASE_URL="+url)...)
		p.url(t)
		r.await(t, 1, webhookLease/5)
		require.Len(t, r.got(), 2)
	})
}

func TestAReceiverThatHangsHoldsUpNoRequest(t *testing.T) {
	databasetest.EachURL(t, func(t *testing.T, url string) {
		hanging, other := newReceiver(t), newReceiver(t)
		hanging.answering(hang)
		p := start(t, t.TempDir(), hanging.settings("DATABASE_URL="+url, "WEBHOOK_URLS="+hanging.URL+"/hook, "+other.URL+"/hook")...)
		base := p.url(t)
		token, staff := login(t, base), clerk(t, base, url)
		const orders = 50
		for range orders {
			began := time.Now()
			id := create(base, token, "for two receivers").Data.ID
			require.True(t, moveOn(base, staff, id, "paid").ok())
			require.Less(t, time.Since(began), 2*time.Second)
		}
		other.await(t, 2*orders, 8*time.Second) // before the first call of the other ends
		require.Empty(t, hanging.taken())
		require.NoError(t, p.Process.Signal(syscall.SIGTERM))
		require.Equal(t, 0, p.exit(t))
	})
}

func TestWebhooksAreNotSentWhereTheyMustNot(t *testing.T) {
	t.Parallel()
	const hidden = "hunter2"
	for _, test := range []struct {
		name     string
		settings []string
		stderr   string
	}{
		{"plain HTTP to a public address", []string{"WEBHOOK_URLS=http://me:" + hidden + "@93.184.215.14/hook?token=" + hidden, "WEBHOOK_SECRET=" + webhookSecret},
			"WEBHOOK_URLS must begin with https://: its address is neither loopback nor private.\n"},
		{"plain HTTP to where clouds keep credentials", []string{"WEBHOOK_URLS=http://169.254.169.254/latest?" + hidden, "WEBHOOK_SECRET=" + webhookSecret},
			"WEBHOOK_URLS must begin with https://: its address is neither loopback nor private.\n"},
		{"a public one among others", []string{"WEBHOOK_URLS=https://shop.example/" + hidden + ",http://[2001:db8::1]/?" + hidden, "WEBHOOK_SECRET=" + webhookSecret},
			"WEBHOOK_URLS must begin with https://: its address is neither loopback nor private (number 2 of 2).\n"},
		{"no secret", []string{"WEBHOOK_URLS=https://me:" + hidden + "@shop.example/hook?token=" + hidden},
			"WEBHOOK_SECRET must be set with WEBHOOK_URLS: userorder webhook-secret makes one.\n"},
		{"a secret that is none", []string{"WEBHOOK_URLS=https://shop.example/hook", "WEBHOOK_SECRET=" + hidden},
			"WEBHOOK_SECRET must be whsec_ and the base64 of at least 24 bytes: userorder webhook-secret makes one.\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := start(t, t.TempDir(), test.settings...)
			require.Equal(t, 2, p.exit(t))
			require.Equal(t, "wrong settings:\n"+test.stderr, said(t, p.stderr))
			require.NotContains(t, said(t, p.stdout), hidden)
		})
	}
}

func TestMetricsAndLogsTellOfWebhooksWithoutTheirCredentials(t *testing.T) {
	t.Parallel()
	const hidden = "hunter2"
	dir, r := t.TempDir(), newReceiver(t)
	r.answering(refuse(http.StatusInternalServerError))
	host := strings.TrimPrefix(r.URL, "http://")
	p := start(t, dir, r.settings("WEBHOOK_URLS=http://me:"+hidden+"1@"+host+"/hook?token="+hidden+"2", "OPS_ADDR=127.0.0.1:0", "LOG_LEVEL=debug")...)
	base := p.url(t)
	token, staff := login(t, base), clerk(t, base, "sqlite:"+filepath.Join(dir, "data", "app.db"))
	ops := opsAddress.FindStringSubmatch(said(t, p.stdout))[1]
	shown := "http://***@" + host + "/hook?***"
	requireMetrics := func(delivered, failed, waiting int) (scraped string) {
		t.Helper()
		want := ""
		for _, metric := range []string{
			fmt.Sprint("attempts_failed_total ", failed), fmt.Sprint("events_delivered_total ", delivered),
			"events_given_up_total 0", fmt.Sprint("events_waiting ", waiting),
		} {
			name, value, _ := strings.Cut(metric, " ")
			want += fmt.Sprintf("userorder_webhook_%s{url=%q,webhook=\"1\"} %s\n", name, shown, value)
		}
		require.Eventually(t, func() bool {
			scraped = send("GET", "http://"+ops+"/metrics", "", "").body
			return strings.Join(webhookMetric.FindAllString(scraped, -1), "") == want
		}, 10*time.Second, 10*time.Millisecond, "not\n%s", want)
		return scraped
	}
	oldest := func(scraped string) float64 {
		t.Helper()
		found := regexp.MustCompile(`userorder_webhook_oldest_event_seconds\{.*\} (\S+)`).FindStringSubmatch(scraped)
		require.NotNil(t, found)
		seconds, err := strconv.ParseFloat(found[1], 64)
		require.NoError(t, err)
		return seconds
	}

	require.Zero(t, oldest(requireMetrics(0, 0, 0)))
	first := create(base, token, "refused").Data.ID
	requireMetrics(0, 1, 1)
	require.True(t, moveOn(base, staff, first, "paid").ok())
	require.True(t, create(base, token, "refused, too").ok())
	require.Positive(t, oldest(requireMetrics(0, 2, 3)))
	q, err := queueAt(base, staff)
	require.NoError(t, err)
	require.NotEmpty(t, q.NextTry)
	require.NotEmpty(t, q.Oldest)
	q.NextTry, q.Oldest = "", ""
	require.Equal(t, queue{URL: shown, Waiting: 3, LastError: "status 500"}, q)
	r.answering(func(w http.ResponseWriter, request *http.Request, c *call) {
		if name, password, ok := request.BasicAuth(); ok && name == "me" && password == hidden+"1" && request.URL.RawQuery == "token="+hidden+"2" {
			take(w, request, c)
		}
	})
	require.True(t, send("POST", base+"/order/webhooks/retry", staff, "").ok())
	last := requireMetrics(3, 2, 0)
	require.Zero(t, oldest(last))
	p.stop(t)

	log := said(t, p.stdout) + said(t, p.stderr)
	require.Equal(t, 1, strings.Count(log, `level=WARN msg="webhook fails" webhook=`+shown+` error="status 500"`+"\n"), log)
	stored, err := filepath.Glob(filepath.Join(dir, "data", "app.db*"))
	require.NoError(t, err)
	require.NotEmpty(t, stored)
	for _, file := range stored {
		log += said(t, file)
	}
	for _, private := range []string{hidden, strings.TrimPrefix(webhookSecret, "whsec_"), strings.TrimPrefix(previousWebhookSecret, "whsec_"), r.URL + "/hook?token"} {
		require.NotContains(t, log+last, private)
	}
}

// webhookMetric matches the metrics of webhooks that do not change with the time.
var webhookMetric = regexp.MustCompile(`(?m)^userorder_webhook_(attempts|events)\S*\{.*\n`)
