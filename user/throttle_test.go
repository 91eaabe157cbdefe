package user

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/database"
	"userorder/database/databasetest"
	"userorder/httpapi"
)

var usual = Throttle{Failures: 5, Window: 15 * time.Minute, Delay: time.Second, MaxDelay: 5 * time.Minute}

// throttled mounts the module with a throttle and a clock that stands still until a test sets it. It has one
// user, test, whose password test123 is cheap to verify.
func throttled(t *testing.T, db *database.DB, throttle Throttle) (handler http.Handler, clock *atomic.Int64) {
	handler, module := alone(t, db)
	clock = &atomic.Int64{}
	clock.Store(time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC).UnixMilli())
	service := module.handler.service
	service.throttle.Throttle = throttle
	service.throttle.now = func() time.Time { return time.UnixMilli(clock.Load()) }
	insertCheaply(t, service.store, "test", "test123")
	return handler, clock
}

func try(handler http.Handler, name, password string) *httptest.ResponseRecorder {
	return call(handler, "POST", "/user/login", "", fmt.Sprintf(`{"username":%q,"password":%q}`, name, password))
}

// step is a try at a moment, in seconds after the one before it, and what it is answered: "in", "wrong", or
// the seconds of Retry-After.
type step struct {
	after    time.Duration
	password string
	answer   string
}

func outcome(w *httptest.ResponseRecorder) string {
	switch body := w.Body.String(); {
	case w.Code == 200 && strings.Contains(body, `"code":0`):
		return "in"
	case w.Code == 200 && strings.Contains(body, "用户名或密码错误"):
		return "wrong"
	case w.Code == 429 && strings.Contains(body, `{"code":429,"msg":"密码错误次数过多，请稍后重试","data":{}}`):
		return w.Header().Get("Retry-After")
	}
	return fmt.Sprint(w.Code, w.Body)
}

// "guess" is too short to be anybody's password, so that these tests hash little; it counts all the same.
func TestWrongPasswordsForOneNameAreSlowedDown(t *testing.T) {
	const wrong, right = "guess", "test123"
	five := []step{{0, wrong, "wrong"}, {0, wrong, "wrong"}, {0, wrong, "wrong"}, {0, wrong, "wrong"}, {0, wrong, "wrong"}}
	for _, test := range []struct {
		name  string
		user  string
		start []step
		steps []step
	}{
		{"the sixth try has to wait a second", "test", five, []step{{0, wrong, "1"}}},
		{"so has the right password", "test", five, []step{{0, right, "1"}, {999 * time.Millisecond, right, "1"}}},
		{"a name that nobody has is treated alike", "nobody", five,
			[]step{{0, wrong, "1"}, {time.Second, wrong, "wrong"}, {0, wrong, "2"}}},
		{"another spelling of the name is the same name", "ＴＥＳＴ", five, []step{{0, right, "1"}}},
		{"a try during the delay does not lengthen it", "test", five,
			[]step{{500 * time.Millisecond, wrong, "1"}, {500 * time.Millisecond, right, "in"}}},
		{"the delay doubles with each further one", "test", five, []step{
			{time.Second, wrong, "wrong"}, {0, wrong, "2"},
			{2 * time.Second, wrong, "wrong"}, {0, wrong, "4"},
			{4 * time.Second, wrong, "wrong"}, {0, wrong, "8"},
		}},
		{"the delay ends at five minutes", "test", five, []step{
			{time.Second, wrong, "wrong"}, {2 * time.Second, wrong, "wrong"}, {4 * time.Second, wrong, "wrong"},
			{8 * time.Second, wrong, "wrong"}, {16 * time.Second, wrong, "wrong"}, {32 * time.Second, wrong, "wrong"},
			{64 * time.Second, wrong, "wrong"}, {128 * time.Second, wrong, "wrong"}, {0, wrong, "256"},
			{256 * time.Second, wrong, "wrong"}, {0, wrong, "300"},
			{300 * time.Second, wrong, "wrong"}, {0, wrong, "300"}, {300 * time.Second, right, "in"},
		}},
		{"a right password forgets the wrong ones", "test", five, []step{
			{time.Second, right, "in"}, {0, wrong, "wrong"}, {0, wrong, "wrong"}, {0, wrong, "wrong"}, {0, wrong, "wrong"},
			{0, right, "in"},
		}},
		{"fifteen minutes without a wrong one forget them, too", "test", five[:4], []step{
			{15*time.Minute + time.Millisecond, wrong, "wrong"}, {0, wrong, "wrong"}, {0, right, "in"},
		}},
		{"fourteen minutes do not", "test", five[:4], []step{{14 * time.Minute, wrong, "wrong"}, {0, wrong, "1"}}},
		{"fifteen minutes after a delay forget how long it was", "test", five, []step{
			{time.Second, wrong, "wrong"}, {0, wrong, "2"},
			{16 * time.Minute, wrong, "wrong"}, {0, right, "in"},
		}},
		{"a clock that is set back locks nobody out", "test", five, []step{{-time.Hour, right, "in"}}},
		{"a clock that is set back does not stop the counting", "test", five,
			[]step{{-time.Hour, wrong, "wrong"}, {0, wrong, "2"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			databasetest.Each(t, func(t *testing.T, db *database.DB) {
				handler, clock := throttled(t, db, usual)
				for i, step := range append(append([]step{}, test.start...), test.steps...) {
					clock.Add(step.after.Milliseconds())
					require.Equal(t, step.answer, outcome(try(handler, test.user, step.password)), "step %d", i+1)
				}
			})
		})
	}
}

func TestTheThrottleOfOneNameIsNotThatOfAnother(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		handler, _ := throttled(t, db, usual)
		for range 6 {
			try(handler, "other", "guess")
		}
		require.Equal(t, "1", outcome(try(handler, "other", "guess")))
		require.Equal(t, "in", outcome(try(handler, "test", "test123")))
	})
}

func TestTheThrottleSurvivesARestartAndHoldsForAllReplicas(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		handler, _ := throttled(t, db, usual)
		for range 5 {
			require.Equal(t, "wrong", outcome(try(handler, "test", "guess")))
		}
		replica, _ := throttled(t, db, usual)
		require.Equal(t, "1", outcome(try(replica, "test", "test123")))
	})
}

func TestOfManyGuessesAtOnceNoMoreAreAnsweredThanOneAfterTheOther(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		handler, _ := throttled(t, db, usual)
		var wrong, refused atomic.Int64
		var group sync.WaitGroup
		for range 60 {
			group.Go(func() {
				switch got := outcome(try(handler, "test", "guess")); got {
				case "wrong":
					wrong.Add(1)
				case "1":
					refused.Add(1)
				default:
					t.Errorf("answered %s", got)
				}
			})
		}
		group.Wait()
		require.EqualValues(t, 5, wrong.Load())
		require.EqualValues(t, 55, refused.Load())
	})
}

// TestARefusedGuessTellsNothing lets the delay be longer than the first one, when the two would be the same.
func TestARefusedGuessTellsNothing(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		handler, clock := throttled(t, db, usual)
		for range 5 {
			require.Equal(t, "wrong", outcome(try(handler, "test", "guess")))
		}
		for _, seconds := range []int64{1, 2, 4} {
			clock.Add(seconds * 1000)
			require.Equal(t, "wrong", outcome(try(handler, "test", "guess")))
		}
		clock.Add(8000)
		outcomes := map[string]int{}
		var mu sync.Mutex
		var group sync.WaitGroup
		for n := range 30 {
			group.Go(func() {
				password := "wrong-one"
				if n == 20 {
					password = "test123"
				}
				got := outcome(try(handler, "test", password))
				mu.Lock()
				defer mu.Unlock()
				outcomes[got]++
			})
		}
		group.Wait()
		if outcomes["in"] == 1 { // the right one came first: after it five more are free
			return
		}
		require.Equal(t, map[string]int{"wrong": 1, "16": 29}, outcomes)
	})
}

func TestAClientThatHangsUpIsCountedAllTheSame(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		_, module := alone(t, db)
		throttle := module.handler.service.throttle
		throttle.Throttle = usual
		var name Username
		require.NoError(t, name.UnmarshalText([]byte("test")))
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := throttle.count(gone, name)
		require.NoError(t, err)
		f, err := throttle.check(t.Context(), name)
		require.NoError(t, err)
		require.EqualValues(t, 1, f.count)
	})
}

func TestWhileNothingCanBeCountedNoPasswordIsLookedAt(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		handler, module := alone(t, db)
		service := module.handler.service
		service.throttle.Throttle = usual
		insertCheaply(t, service.store, "test", "test123")
		drop := func(statement string) {
			require.NoError(t, db.Write(t.Context(), func(tx *database.Tx) error {
				_, err := tx.Exec(statement)
				return err
			}))
		}
		// Reading goes on, as it does on a full disk.
		drop("ALTER TABLE login_failures ADD COLUMN never BIGINT CHECK (never IS NOT NULL)")
		require.Equal(t, "in", outcome(try(handler, "test", "test123")), "nobody has guessed yet")
		for range 20 {
			require.GreaterOrEqual(t, try(handler, "test", "guess").Code, 500)
		}
		require.GreaterOrEqual(t, try(handler, "test", "test123").Code, 500, "guessing is free")
		drop("ALTER TABLE login_failures DROP COLUMN never")
		require.Equal(t, "in", outcome(try(handler, "test", "test123")))
	})
}

func TestARightGuessIsNotToldWhenTheTriesAreUsedUpMeanwhile(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		handler, module := alone(t, db)
		register(handler, "test")
		throttle := module.handler.service.throttle
		throttle.Throttle = usual
		var name Username
		require.NoError(t, name.UnmarshalText([]byte("test")))
		_, err := throttle.check(t.Context(), name)
		require.NoError(t, err, "the guess is being looked at")
		for range 5 {
			require.ErrorIs(t, throttle.wrong(t.Context(), name), ErrCredentials)
		}
		err = throttle.right(t.Context(), name)
		var public *httpapi.Error
		require.ErrorAs(t, err, &public)
		require.Equal(t, 429, public.Status)
	})
}

func TestRowsOfOldFailuresGoAsNewOnesCome(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		handler, clock := throttled(t, db, usual)
		rows := func() (count int) {
			require.NoError(t, db.QueryRow(t.Context(), "SELECT count(*) FROM login_failures").Scan(&count))
			return count
		}
		for i := range 100 {
			try(handler, fmt.Sprint("nobody", i), "guess")
		}
		require.Equal(t, 100, rows(), "a row went that is still of use")
		clock.Add((21 * time.Minute).Milliseconds())
		for i := range 40 { // the hashes of these names lie among those of the others
			try(handler, fmt.Sprint("anybody", i), "guess")
		}
		require.Less(t, rows(), 50)
	})
}

func TestWithoutAThrottleEveryGuessIsAnswered(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		handler, _ := throttled(t, db, Throttle{})
		for range 20 {
			require.Equal(t, "wrong", outcome(try(handler, "test", "guess")))
		}
		require.Equal(t, "in", outcome(try(handler, "test", "test123")))
	})
}

func TestAThrottleOfOneFailureDelaysTheSecondTry(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		strict := usual
		strict.Failures = 1
		handler, _ := throttled(t, db, strict)
		require.Equal(t, "wrong", outcome(try(handler, "test", "guess")))
		require.Equal(t, "1", outcome(try(handler, "test", "test123")))
	})
}

func TestLoginsAndRegistrationsAreLimitedByAddressEachForItself(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		module, err := New(t.Context(), Config{
			DB: db, HashConcurrency: 1,
			Logins:        httpapi.Limit{Count: 1, Per: time.Hour, Burst: 2},
			Registrations: httpapi.Limit{Count: 1, Per: time.Hour, Burst: 1},
		})
		require.NoError(t, err)
		handler := mounted(t, module)
		require.Equal(t, 200, register(handler, "test").Code)
		require.Equal(t, 429, register(handler, "other").Code)
		require.Equal(t, "wrong", outcome(try(handler, "test", "guess")))
		require.Equal(t, "wrong", outcome(try(handler, "test", "guess")))
		w := try(handler, "test", "guess")
		require.Equal(t, 429, w.Code)
		require.JSONEq(t, `{"code":429,"msg":"请求过于频繁，请稍后重试","data":{}}`, w.Body.String())
		require.Equal(t, "3600", w.Header().Get("Retry-After"))
	})
}
