//go:build unix

package e2e

import (
	crypto "crypto/rand"
	"fmt"
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

// wish is an order that a client wants to have once.
type wish struct {
	token, key, product, body string

	mu     sync.Mutex
	answer reply // the first that came; its status is 0 until then
	tries  int
}

// newWish returns a wish with a random key of 26 to 255 visible characters.
func newWish(token string, n int) *wish {
	key := []byte(crypto.Text())
	for range rand.IntN(230) * rand.IntN(2) {
		key = append(key, byte('!'+rand.IntN('~'-'!'+1)))
	}
	w := &wish{token: token, key: string(key), product: fmt.Sprint("wish ", n)}
	metadata := ""
	if n%3 == 0 {
		metadata = `,"metadata":{"size":"L","address":"上海"}`
	}
	w.body = fmt.Sprintf(`{"product":%q,"price":%d.5%s}`, w.product, n, metadata)
	return w
}

// ask sends the request, in one of two languages, and compares the answer with the first one. It reports whether there was
// an answer, and whether it was the first and says that the order was there already.
func (w *wish) ask(t *testing.T, base string) (answered, found bool) {
	headers := [][2]string{{"Idempotency-Key", w.key}, {"Accept-Language", []string{"zh", "en"}[rand.IntN(2)]}}
	w.mu.Lock()
	known := w.answer.status != 0
	w.tries++
	w.mu.Unlock()
	answer := sendWith(http.DefaultClient, headers, "POST", base+"/order/create", w.token, w.body)
	if answer.status == 0 || answer.status == 503 {
		return false, false
	}
	if !answer.ok() || answer.header.Get("ETag") != `"1"` {
		t.Errorf("a wish is answered with %d %s, %v", answer.status, answer.body, answer.header)
	}
	replayed := answer.header.Get("Idempotent-Replayed")
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.answer.status == 0 {
		w.answer = answer
		return true, replayed == "true"
	}
	if known && replayed != "true" {
		t.Errorf("the key %q is used again: %s after %s", w.key, answer.body, w.answer.body)
	}
	if answer.body != w.answer.body || answer.header.Get("Content-Language") != w.answer.header.Get("Content-Language") {
		t.Errorf("the key %q has two answers: %s after %s", w.key, answer.body, w.answer.body)
	}
	return true, false
}

// wishes is what several users wish for, and what became of it.
type wishes struct {
	tokens []string

	mu                      sync.Mutex
	all                     []*wish
	lost                    []*wish // without an answer so far
	retries, found, again   int     // of lost answers, with an order of the lost answer; of answers that came
	kills, doubles, ordered int
}

// next returns what to ask for: a wish whose answer was lost, now and then one whose answer came, or else a new one.
func (l *wishes) next() *wish {
	l.mu.Lock()
	defer l.mu.Unlock()
	if last := len(l.lost) - 1; last >= 0 {
		w := l.lost[last]
		l.lost = l.lost[:last]
		l.retries++
		return w
	}
	if len(l.all) > 20 && rand.IntN(5) == 0 {
		w := l.all[rand.IntN(len(l.all))]
		if w.mu.TryLock() {
			defer w.mu.Unlock()
			if w.answer.status != 0 {
				l.again++
				return w
			}
		}
	}
	w := newWish(l.tokens[rand.IntN(len(l.tokens))], len(l.all))
	l.all = append(l.all, w)
	return w
}

// pursue asks for one wish, for some twice at once, and reports whether all answers came.
func (l *wishes) pursue(t *testing.T, base string) bool {
	w := l.next()
	w.mu.Lock()
	isNew := w.tries == 0
	w.mu.Unlock()
	var group sync.WaitGroup
	other := true
	if isNew && rand.IntN(4) == 0 {
		group.Go(func() { other, _ = w.ask(t, base) })
	}
	answered, found := w.ask(t, base)
	group.Wait()
	answered = answered && other
	w.mu.Lock()
	known, id := w.answer.status != 0, w.answer.Data.ID
	w.mu.Unlock()
	l.mu.Lock()
	if !known {
		l.lost = append(l.lost, w)
	}
	if found && !isNew {
		l.found++
	}
	l.mu.Unlock()
	if answered && isNew && rand.IntN(6) == 0 { // a replay is the same, whatever became of the order
		return send("DELETE", base+"/order/cancel/"+id, w.token, "").ok()
	}
	return answered
}

// pursueAll starts clients that ask until an answer is lost. It returns a function that waits for them.
func (l *wishes) pursueAll(t *testing.T, base string, clients int) (wait func()) {
	var group sync.WaitGroup
	for range clients {
		group.Go(func() {
			for l.pursue(t, base) {
				continue
			}
		})
	}
	return group.Wait
}

// settle asks for all that has no answer yet, and for some that has one.
func (l *wishes) settle(t *testing.T, base string) {
	t.Helper()
	for _, w := range l.lost {
		answered, found := w.ask(t, base)
		require.True(t, answered)
		l.retries++
		if found {
			l.found++
		}
	}
	l.lost = nil
	for range min(20, len(l.all)) {
		answered, _ := l.all[rand.IntN(len(l.all))].ask(t, base)
		require.True(t, answered)
		l.again++
	}
}

// check requires that each user's list has exactly one order for each wish, the one of the answers.
func (l *wishes) check(t *testing.T, base string) {
	t.Helper()
	ids := map[string][]string{}
	for _, token := range l.tokens {
		for _, o := range listed(t, base, token, "") {
			ids[o.Product] = append(ids[o.Product], o.ID)
			l.ordered++
		}
	}
	l.doubles = l.ordered - len(ids)
	t.Logf("%d keys, %d orders, %d doubles; %d kills; %d retries of lost answers, of which %d found the order; %d retries of answers that came",
		len(l.all), l.ordered, l.doubles, l.kills, l.retries, l.found, l.again)
	require.Zero(t, l.doubles)
	for _, w := range l.all {
		require.Equal(t, []string{w.answer.Data.ID}, ids[w.product], "the orders of %s", w.product)
	}
	require.Len(t, l.all, l.ordered)
}

func TestAKeyOrdersExactlyOnceAcrossKills(t *testing.T) {
	databasetest.EachURL(t, func(t *testing.T, url string) {
		dir := t.TempDir()
		p := start(t, dir, "DATABASE_URL="+url, smallPool)
		l := &wishes{}
		for n := range 3 {
			l.tokens = append(l.tokens, enroll(t, p.url(t), fmt.Sprint("shopper", n)))
		}
		for range rounds(4, 50) {
			before := len(l.all)
			wait := l.pursueAll(t, p.url(t), 8)
			time.Sleep(200*time.Millisecond + rand.N(200*time.Millisecond))
			p.kill()
			l.kills++
			wait()
			require.Greater(t, len(l.all), before, "nothing was ordered in this round")
			p = start(t, dir, "DATABASE_URL="+url, smallPool)
			if rand.IntN(2) == 0 { // else the clients of the next round ask for what was lost, and may lose it again
				l.settle(t, p.url(t))
			}
		}
		l.settle(t, p.url(t))
		l.check(t, p.url(t))
		w := l.all[0]
		other := sendWith(http.DefaultClient, [][2]string{{"Idempotency-Key", w.key}}, "POST", p.url(t)+"/order/create", w.token,
			strings.Replace(w.body, ".5", ".6", 1))
		require.Equal(t, 422, other.status, other.body)
		if path, ok := database.SQLitePath(url); ok {
			p.kill()
			requireWhole(t, path)
		}
	})
}

func TestEqualPostsAtOnceOverReplicasHaveOneOrderAndOneAnswer(t *testing.T) {
	t.Parallel()
	_, bases, _ := replicas(t, 3)
	token := login(t, bases[0])
	count := rounds(10, 200)
	for n := range count {
		w := newWish(token, n)
		first := 0
		var mu sync.Mutex
		var group sync.WaitGroup
		for i := range 64 {
			group.Go(func() {
				headers := [][2]string{{"Idempotency-Key", w.key}, {"Accept-Language", []string{"zh", "en"}[i/3%2]}}
				answer := sendWith(http.DefaultClient, headers, "POST", bases[i%3]+"/order/create", token, w.body)
				mu.Lock()
				defer mu.Unlock()
				if answer.header.Get("Idempotent-Replayed") == "" {
					first++
				}
				if w.answer.status == 0 {
					w.answer = answer
				}
				if !answer.ok() || answer.body != w.answer.body || answer.header.Get("ETag") != `"1"` {
					t.Errorf("%d %s after %d %s", answer.status, answer.body, w.answer.status, w.answer.body)
				}
			})
		}
		group.Wait()
		require.Equal(t, 1, first, "answers that are no replay")
	}
	products := map[string]int{}
	for _, o := range listed(t, bases[1], token, "") {
		products[o.Product]++
	}
	require.Len(t, products, count)
	for product, orders := range products {
		require.Equal(t, 1, orders, "orders of %s", product)
	}
}
