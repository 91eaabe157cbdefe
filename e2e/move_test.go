//go:build unix

package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/database"
	"userorder/database/databasetest"
)

// Half of them ship a paid order, the others cancel it.
func TestOneOfManyChangesAtOnceOverReplicasWins(t *testing.T) {
	t.Parallel()
	_, bases, url := replicas(t, 3)
	owner, staff := login(t, bases[0]), clerk(t, bases[0], url)
	won := map[string]int{}
	for round := range rounds(10, 200) {
		id := create(bases[0], owner, "wanted and unwanted").Data.ID
		require.True(t, moveOn(bases[0], staff, id, "paid").ok())
		var condition [][2]string
		if round%2 > 0 {
			condition = [][2]string{{"If-Match", `"2"`}}
		}
		outcomes := atOnce(30, func(n int) reply {
			time.Sleep(rand.N(3 * time.Millisecond)) // a request without a body is sooner there
			if n/3%2 == 0 {
				return moveOn(bases[n%3], staff, id, "shipped", condition...)
			}
			return sendWith(http.DefaultClient, condition, "DELETE", bases[n%3]+"/order/cancel/"+id, owner, "")
		})
		order, err := dataOf[placed](send("GET", bases[1]+"/order/query/"+id, staff, ""))
		require.NoError(t, err)
		require.Equal(t, 3, order.Version)
		requireAgreement(t, bases[2], owner, order)
		won[order.Status]++
		const refused = "200 订单状态不允许此操作"
		want := map[string]map[string]int{ // whoever asks again for what is done is content
			"shipped":   {"200 修改成功": 15, refused: 15},
			"cancelled": {"200 取消成功": 1, "200 订单不存在": 14, refused: 15},
		}
		if condition != nil {
			want = map[string]map[string]int{
				"shipped":   {"200 修改成功": 1, "412 订单已被修改，请重新查询": 29},
				"cancelled": {"200 取消成功": 1, "200 订单不存在": 14, "412 订单已被修改，请重新查询": 15},
			}
		}
		require.Equal(t, want[order.Status], outcomes, "the order is %s", order.Status)
	}
	t.Logf("what won: %v", won)
}

// paths lists the ways of an order.
var paths = [][]string{
	{"paid", "shipped", "completed"}, {"paid", "cancelled"}, {"cancelled"}, {"paid", "shipped"}, {"paid"}, {},
}

// movers create orders and move them on.
type movers struct {
	owner, staff string

	mu           sync.Mutex
	acknowledged map[string]placed // the id, the status and the version of each order at least
	last         int               // the highest id that was checked
}

func newMovers(owner, staff string) *movers {
	return &movers{owner: owner, staff: staff, acknowledged: map[string]placed{}}
}

func (m *movers) note(id, status string, version int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.acknowledged[id] = placed{ID: id, Status: status, Version: version}
}

// write creates an order, moves it on along one of the paths, and reports whether the service acknowledged all. The owner
// cancels and completes some.
func (m *movers) write(base string, n int) bool {
	answer := create(base, m.owner, fmt.Sprint("to be moved ", n))
	if !answer.ok() {
		return false
	}
	id := answer.Data.ID
	m.note(id, "created", 1)
	for i, status := range paths[rand.IntN(len(paths))] {
		token := m.staff
		if status == "cancelled" || status == "completed" {
			token = []string{m.owner, m.staff}[rand.IntN(2)]
		}
		if !moveOn(base, token, id, status).ok() {
			return false
		}
		m.note(id, status, i+2)
	}
	return true
}

// writeAll starts clients that write until a request fails. It returns a function that waits for them.
func (m *movers) writeAll(base string, clients int) (wait func()) {
	var group sync.WaitGroup
	for range clients {
		group.Go(func() {
			for n := 0; m.write(base, n); n++ {
				continue
			}
		})
	}
	return group.Wait
}

// checkFresh requires of all orders since the last check that they agree with their histories and that nothing
// acknowledged is lost. It returns the number of orders that had gone further than their clients know.
func (m *movers) checkFresh(t *testing.T, base string) (orders, further int) {
	t.Helper()
	highest := m.last
	for _, o := range listedDownTo(t, base, m.staff, "&userid=all", m.last) {
		id, err := strconv.Atoi(o.ID)
		require.NoError(t, err)
		highest = max(highest, id)
		orders++
		requireAgreement(t, base, m.staff, o)
		known, ok := m.acknowledged[o.ID]
		delete(m.acknowledged, o.ID)
		require.GreaterOrEqual(t, o.Version, known.Version, "order %s was %s and is %s", o.ID, known.Status, o.Status)
		if !ok || o.Version > known.Version {
			further++
			continue
		}
		require.Equal(t, known.Status, o.Status)
	}
	require.Empty(t, m.acknowledged, "orders are lost")
	m.last = highest
	return orders, further
}

func TestOrdersAgreeWithTheirHistoriesAfterAKill(t *testing.T) {
	databasetest.EachURL(t, func(t *testing.T, url string) {
		dir := t.TempDir()
		p := start(t, dir, "DATABASE_URL="+url)
		m := newMovers(login(t, p.url(t)), clerk(t, p.url(t), url))
		orders, further := 0, 0
		for range rounds(4, 50) {
			wait := m.writeAll(p.url(t), 6)
			time.Sleep(200*time.Millisecond + rand.N(200*time.Millisecond))
			p.kill()
			wait()
			p = start(t, dir, "DATABASE_URL="+url)
			fresh, unknown := m.checkFresh(t, p.url(t))
			require.Positive(t, fresh, "nothing was written in this round")
			orders, further = orders+fresh, further+unknown
		}
		t.Logf("%d orders, of which %d had gone further than their clients know", orders, further)
		requireEvents(t, p.url(t), m.staff)
		if path, ok := database.SQLitePath(url); ok {
			p.kill()
			requireWhole(t, path)
		}
	})
}
