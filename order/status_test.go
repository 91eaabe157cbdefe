package order

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"userorder/auth"
	"userorder/database"
	"userorder/database/databasetest"
	"userorder/httpapi/httpapitest"
)

// set asks for a status of an order, with lines of header such as "If-Match: \"1\"".
func (c client) set(user, id int64, status string, header ...string) *httptest.ResponseRecorder {
	return c.with(user, fmt.Sprintf("POST /order/status/%d", id), `{"status":"`+status+`"}`, header...)
}

// with is as, with further lines of header.
func (c client) with(user int64, line, body string, header ...string) *httptest.ResponseRecorder {
	r := httpapitest.Request(line, c.token(user), body)
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Add(name, value)
	}
	return httpapitest.Serve(c.engine, r)
}

// made creates an order of user 7 and moves it through statuses.
func (c client) made(statuses ...string) (id int64) {
	o, err := c.module.handler.service.create(c.t.Context(), plainDraft(7))
	require.NoError(c.t, err)
	for _, status := range statuses {
		require.Equal(c.t, "0", code(c.set(staff, o.ID, status)), status)
	}
	return o.ID
}

// code returns the code of a response, with its status for others than 200.
func code(w *httptest.ResponseRecorder) string {
	code, _, _ := strings.Cut(strings.TrimPrefix(w.Body.String(), `{"code":`), ",")
	if w.Code != http.StatusOK && fmt.Sprint(w.Code) != code {
		return fmt.Sprint(w.Code, " with code ", code)
	}
	return code
}

// paths lead to each status.
var paths = map[status][]string{
	statusCreated: {}, statusPaid: {"paid"}, statusShipped: {"paid", "shipped"},
	statusCompleted: {"paid", "shipped", "completed"}, statusCancelled: {"cancelled"},
}

func TestWhoMayMoveAnOrderFromWhereToWhere(t *testing.T) {
	const (
		done      = "0" // moved, or there already
		refused   = "1"
		forbidden = "403"
	)
	answers := map[string][5]string{ // to created, paid, shipped, completed, cancelled
		"staff: created":      {refused, done, refused, refused, done},
		"staff: paid":         {refused, done, done, refused, done},
		"staff: shipped":      {refused, refused, done, done, refused},
		"staff: completed":    {refused, refused, refused, done, refused},
		"staff: cancelled":    {refused, refused, refused, refused, done},
		"owner: created":      {refused, forbidden, forbidden, refused, done},
		"owner: paid":         {refused, forbidden, forbidden, refused, done},
		"owner: shipped":      {refused, forbidden, forbidden, done, refused},
		"owner: completed":    {refused, forbidden, forbidden, done, refused},
		"owner: cancelled":    {refused, forbidden, forbidden, refused, refused},
		"stranger: created":   {forbidden, forbidden, forbidden, forbidden, forbidden},
		"stranger: shipped":   {forbidden, forbidden, forbidden, forbidden, forbidden},
		"stranger: cancelled": {refused, forbidden, forbidden, refused, refused},
	}
	callers := map[string]int64{"staff": staff, "owner": 7, "stranger": 8}
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		c := alone(t, db)
		for line, want := range answers {
			who, from, _ := strings.Cut(line, ": ")
			for i, to := range []status{statusCreated, statusPaid, statusShipped, statusCompleted, statusCancelled} {
				id := c.made(paths[status(from)]...)
				w := c.set(callers[who], id, string(to))
				require.Equal(t, want[i], code(w), "%s → %s: %s", line, to, w.Body)
				if want[i] == done {
					require.Contains(t, w.Body.String(), `"status":"`+string(to)+`"`)
				}
				moved := want[i] == done && string(to) != from
				require.Len(t, c.events(id), len(paths[status(from)])+1+map[bool]int{true: 1}[moved], "%s → %s", line, to)
			}
		}
	})
}

func TestAStatusHasTwoSourcesAtMostAsTheStatementOfAMoveHas(t *testing.T) {
	for _, to := range []status{statusCreated, statusPaid, statusShipped, statusCompleted, statusCancelled} {
		for _, role := range []auth.Role{auth.Customer, auth.Staff, system} {
			require.LessOrEqual(t, len(to.sources(role)), 2)
		}
	}
}

// events returns the events of an order as GET /order/history has them.
func (c client) events(id int64) []map[string]string {
	return decoded[struct{ Events []map[string]string }](c.t, c.as(staff, fmt.Sprint("GET /order/history/", id), "")).Events
}

func TestARefusedChangeSaysWhatTheCallerMayDo(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		c := alone(t, db)
		id := c.made("paid", "shipped")
		const want = `{"code":1,"msg":"订单状态不允许此操作","data":{"status":"shipped","next":["completed"]}}`
		require.JSONEq(t, want, c.set(7, id, "cancelled").Body.String())
		require.JSONEq(t, want, c.as(7, fmt.Sprint("DELETE /order/cancel/", id), "").Body.String())
		id = c.made("paid")
		require.JSONEq(t, `{"code":1,"msg":"订单状态不允许此操作","data":{"status":"paid","next":["cancelled","shipped"]}}`,
			c.set(staff, id, "completed").Body.String())
		require.JSONEq(t, `{"code":1,"msg":"订单状态不允许此操作","data":{"status":"paid","next":["cancelled"]}}`,
			c.set(7, id, "completed").Body.String())
		require.JSONEq(t, `{"code":1,"msg":"订单状态不允许此操作","data":{"status":"cancelled","next":[]}}`,
			c.set(staff, c.made("cancelled"), "paid").Body.String())
	})
}

func TestWhatIsWrongWithARequestForAStatus(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		c := alone(t, db)
		c.made()
		for _, test := range []struct {
			name, line, body, header, want string
			user                           int64
		}{
			{name: "a status that there is not", body: `{"status":"lost"}`, want: "400"},
			{name: "a status in upper case", body: `{"status":"PAID"}`, want: "400"},
			{name: "no status", body: `{}`, want: "400"},
			{name: "null", body: `{"status":null}`, want: "400"},
			{name: "a note that is too long", body: `{"status":"paid","note":"` + strings.Repeat("长", 201) + `"}`, want: "400"},
			{name: "a note with a control character", body: `{"status":"paid","note":"\u001b"}`, want: "400"},
			{name: "a note that is a number", body: `{"status":"paid","note":1}`, want: "400"},
			{name: "no id", line: "POST /order/status", body: `{"status":"paid"}`, want: "400"},
			{name: "a bad id", line: "POST /order/status/01", body: `{"status":"paid"}`, want: "400"},
			{name: "a malformed If-Match", header: "If-Match: 1", body: `{"status":"paid"}`, want: "400"},
			{name: "faults precede permission", user: 7, header: "If-Match: 1", body: `{"status":"paid"}`, want: "400"},
			{name: "permission precedes existence", user: 7, line: "POST /order/status/404", body: `{"status":"paid"}`, want: "403"},
			{name: "an order that never was", line: "POST /order/status/404", body: `{"status":"paid"}`, want: "1"},
			{name: "an order that never was, and a version", line: "POST /order/status/404", header: `If-Match: "1"`, body: `{"status":"paid"}`, want: "1"},
		} {
			line, user := test.line, test.user
			if line == "" {
				line = "POST /order/status/1"
			}
			if user == 0 {
				user = staff
			}
			var header []string
			if test.header != "" {
				header = append(header, test.header)
			}
			w := c.with(user, line, test.body, header...)
			require.Equal(t, test.want, code(w), "%s: %s", test.name, w.Body)
		}
		require.Len(t, c.events(1), 1, "a refused request has changed the order")
		require.Equal(t, "0", code(c.with(staff, "POST /order/status/1", `{"status":"paid","note":""}`)))
	})
}

func TestAVersionThatHasPassedChangesNothing(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		c := alone(t, db)
		id := c.made("paid") // version 2
		cancel := fmt.Sprint("DELETE /order/cancel/", id)
		for _, stale := range []string{`"1"`, `"3"`, `W/"2"`, `"x"`} {
			w := c.set(staff, id, "shipped", "If-Match: "+stale)
			require.Equal(t, "412", code(w), stale)
			require.JSONEq(t, `{"code":412,"msg":"订单已被修改，请重新查询","data":{}}`, w.Body.String())
			require.Equal(t, "412", code(c.set(staff, id, "paid", "If-Match: "+stale)), "also for the status that it has")
			require.Equal(t, "412", code(c.with(7, cancel, "", "If-Match: "+stale)))
			require.Equal(t, "403", code(c.with(8, cancel, "", "If-Match: "+stale)), "a stranger must not learn the version")
		}
		require.Len(t, c.events(id), 2)
		w := c.set(staff, id, "shipped", `If-Match: "1", "2"`)
		require.Equal(t, "0", code(w), w.Body)
		require.Equal(t, `"3"`, w.Header().Get("ETag"))
		require.Equal(t, "0", code(c.set(staff, id, "completed", "If-Match: *")))
		require.Equal(t, "412", code(c.set(staff, id, "paid", `If-Match: "3"`)), "a version comes before a status")
	})
}

func TestOneOfManyMovesAtOnceWins(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		c := alone(t, db)
		for range 5 {
			id := c.made("paid")
			var shipped, cancelled atomic.Int64
			var group sync.WaitGroup
			for i := range 30 {
				group.Go(func() {
					if i%2 == 0 {
						if w := c.set(staff, id, "shipped", `If-Match: "2"`); code(w) == "0" {
							shipped.Add(1)
						} else if code(w) != "412" {
							t.Error(w.Body)
						}
						return
					}
					switch w := c.as(7, fmt.Sprint("DELETE /order/cancel/", id), ""); code(w) {
					case "0":
						cancelled.Add(1)
					case "1":
					default:
						t.Error(w.Body)
					}
				})
			}
			group.Wait()
			require.EqualValues(t, 1, shipped.Load()+cancelled.Load())
			events := c.events(id)
			require.Len(t, events, 3)
			want := map[int64]string{1: "order.shipped", 0: "order.cancelled"}[shipped.Load()]
			require.Equal(t, want, events[2]["type"])
		}
	})
}

func TestARetryOfAMoveIsHarmless(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		c := alone(t, db)
		id := c.made()
		var group sync.WaitGroup
		for range 30 {
			group.Go(func() {
				if w := c.set(staff, id, "paid"); code(w) != "0" || w.Header().Get("ETag") != `"2"` {
					t.Error(w.Body, w.Header())
				}
			})
		}
		group.Wait()
		require.Len(t, c.events(id), 2)
	})
}

func TestStaffSeesAndCancelsAnybodysOrders(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		c := alone(t, db)
		id := c.made("paid")
		query, cancel := fmt.Sprint("GET /order/query/", id), fmt.Sprint("DELETE /order/cancel/", id)
		require.Equal(t, `"2"`, c.as(staff, query, "").Header().Get("ETag"))
		require.JSONEq(t, `{"code":0,"msg":"取消成功","data":{}}`, c.as(staff, cancel, "").Body.String())
		require.JSONEq(t, notFound, c.as(staff, cancel, "").Body.String())
		require.JSONEq(t, notFound, c.as(7, query, "").Body.String())
		require.Contains(t, c.as(staff, query, "").Body.String(), `"status":"cancelled"`)
		require.Equal(t, "customer staff staff", c.events(id)[0]["by"]+" "+c.events(id)[1]["by"]+" "+c.events(id)[2]["by"])
	})
}
