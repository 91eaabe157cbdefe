package user

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/database"
	"userorder/database/databasetest"
	"userorder/httpapi"
	"userorder/worker"
)

var usual = Throttle{Failures: 5, Window: 15 * time.Minute, Delay: time.Second, MaxDelay: 5 * time.Minute}

// throttled mounts the module with a throttle and a clock that stands still until a test sets it. It has one
// account, test, whose password test123 is cheap to verify.
func throttled(t *testing.T, db *database.DB, throttle Throttle) (handler http.Handler, module *Module, clock *atomic.Int64) {
	clock = &atomic.Int64{} // milliseconds since 1970
	clock.Store(time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC).UnixMilli())
	handler, module = mounted(t, Config{DB: db, Throttle: throttle, Now: func() time.Time { return time.UnixMilli(clock.Load()) }})
	insertCheaply(t, module.handler.service.store, "test", "test123")
	return handler, module, clock
}

// step is an attempt, the time since the previous one, and the outcome: "in", "wrong", or the seconds of Retry-After.
type step struct {
	after    time.Duration
	password string
	outcome  string
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

// "guess" is too short for a password, so that it costs no hash, but it counts as a failure.
func TestGuessingThePasswordOfANameIsSlowedDown(t *testing.T) {
	const wrong, right = "guess", "test123"
	five := []step{{0, wrong, "wrong"}, {0, wrong, "wrong"}, {0, wrong, "wrong"}, {0, wrong, "wrong"}, {0, wrong, "wrong"}}
	for _, test := range []struct {
		name  string
		user  string
		start []step
		steps []step
	}{
		{"the sixth attempt has to wait for a second", "test", five, []step{{0, wrong, "1"}}},
		{"the right password has to wait, too", "test", five, []step{{0, right, "1"}, {999 * time.Millisecond, right, "1"}}},
		{"a name without an account is throttled alike", "nobody", five,
			[]step{{0, wrong, "1"}, {time.Second, wrong, "wrong"}, {0, wrong, "2"}}},
		{"another spelling of the name is the same name", "ＴＥＳＴ", five, []step{{0, right, "1"}}},
		{"an attempt during the delay does not extend it", "test", five,
			[]step{{500 * time.Millisecond, wrong, "1"}, {500 * time.Millisecond, right, "in"}}},
		{"the delay doubles with each further failure", "test", five, []step{
			{time.Second, wrong, "wrong"}, {0, wrong, "2"},
			{2 * time.Second, wrong, "wrong"}, {0, wrong, "4"},
			{4 * time.Second, wrong, "wrong"}, {0, wrong, "8"},
		}},
		{"the delay grows up to five minutes", "test", five, []step{
			{time.Second, wrong, "wrong"}, {2 * time.Second, wrong, "wrong"}, {4 * time.Second, wrong, "wrong"},
			{8 * time.Second, wrong, "wrong"}, {16 * time.Second, wrong, "wrong"}, {32 * time.Second, wrong, "wrong"},
			{64 * time.Second, wrong, "wrong"}, {128 * time.Second, wrong, "wrong"}, {0, wrong, "256"},
			{256 * time.Second, wrong, "wrong"}, {0, wrong, "300"},
			{300 * time.Second, wrong, "wrong"}, {0, wrong, "300"}, {300 * time.Second, right, "in"},
		}},
		{"a right password forgets the failures", "test", five, []step{
			{time.Second, right, "in"}, {0, wrong, "wrong"}, {0, wrong, "wrong"}, {0, wrong, "wrong"}, {0, wrong, "wrong"},
			{0, right, "in"},
		}},
		{"fifteen minutes without a failure forget them, too", "test", five[:4], []step{
			{15*time.Minute + time.Millisecond, wrong, "wrong"}, {0, wrong, "wrong"}, {0, right, "in"},
		}},
		{"fourteen minutes do not", "test", five[:4], []step{{14 * time.Minute, wrong, "wrong"}, {0, wrong, "1"}}},
		{"fifteen minutes after a delay its length is forgotten", "test", five, []step{
			{time.Second, wrong, "wrong"}, {0, wrong, "2"},
			{16 * time.Minute, wrong, "wrong"}, {0, right, "in"},
		}},
		{"nobody is locked out after the clock was set back", "test", five, []step{{-time.Hour, right, "in"}}},
		{"failures count after the clock was set back", "test", five,
			[]step{{-time.Hour, wrong, "wrong"}, {0, wrong, "2"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			databasetest.Each(t, func(t *testing.T, db *database.DB) {
				handler, _, clock := throttled(t, db, usual)
				for i, step := range append(append([]step{}, test.start...), test.steps...) {
					clock.Add(step.after.Milliseconds())
					require.Equal(t, step.outcome, outcome(try(handler, test.user, step.password)), "step %d", i+1)
				}
			})
		})
	}
}

func TestNamesAreThrottledSeparately(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		handler, _, _ := throttled(t, db, usual)
		for range 6 {
			try(handler, "other", "guess")
		}
		require.Equal(t, "1", outcome(try(handler, "other", "guess")))
		require.Equal(t, "in", outcome(try(handler, "test", "test123")))
	})
}

func TestFailuresSurviveARestartAndAreSharedByReplicas(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		handler, _, _ := throttled(t, db, usual)
		for range 5 {
			require.Equal(t, "wrong", outcome(try(handler, "test", "guess")))
		}
		replica, _, _ := throttled(t, db, usual)
		require.Equal(t, "1", outcome(try(replica, "test", "test123")))
	})
}

func TestConcurrentGuessesGetNoMoreAnswersThanSequentialOnes(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		handler, _, _ := throttled(t, db, usual)
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

// TestARefusedGuessTellsNothing starts from a delay that has grown, so that the next one differs from the first.
func TestARefusedGuessTellsNothing(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		handler, _, clock := throttled(t, db, usual)
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
		if outcomes["in"] == 1 { // the right guess came first and forgot the failures: five more begin a delay
			require.LessOrEqual(t, outcomes["wrong"], 5, outcomes)
			return
		}
		require.Equal(t, map[string]int{"wrong": 1, "16": 29}, outcomes)
	})
}

// attemptOn returns an attempt to guess the password of a name.
func attemptOn(t *testing.T, typed string) (a attempt) {
	require.NoError(t, a.name.UnmarshalText([]byte(typed)))
	a.client.network = alice
	return a
}

func TestAFailureCountsAlthoughTheClientHangsUp(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		_, module, _ := throttled(t, db, usual)
		throttle, a := module.throttle, attemptOn(t, "test")
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := throttle.record(gone, a, a.nameKey(), true)
		require.NoError(t, err)
		f, _, err := throttle.store.failures(t.Context(), a)
		require.NoError(t, err)
		require.EqualValues(t, 1, f.count)
	})
}

func TestNoPasswordIsCheckedWhileFailuresCannotBeRecorded(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		handler, _, _ := throttled(t, db, usual)
		drop := func(statement string) {
			require.NoError(t, db.Write(t.Context(), func(tx *database.Tx) error {
				_, err := tx.Exec(statement)
				return err
			}))
		}
		// Reads go on working, as on a full disk.
		drop("ALTER TABLE login_failures ADD COLUMN never BIGINT CHECK (never IS NOT NULL)")
		require.Equal(t, "in", outcome(try(handler, "test", "test123")), "no failure has been lost yet")
		for range 20 {
			require.GreaterOrEqual(t, try(handler, "test", "guess").Code, 500)
		}
		require.GreaterOrEqual(t, try(handler, "test", "test123").Code, 500, "guessing is free")
		drop("ALTER TABLE login_failures DROP COLUMN never")
		require.Equal(t, "in", outcome(try(handler, "test", "test123")))
	})
}

func TestARightGuessIsRefusedIfTheAttemptsAreUsedUpMeanwhile(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		_, module, _ := throttled(t, db, usual)
		throttle, a := module.throttle, attemptOn(t, "test")
		require.NoError(t, throttle.admit(t.Context(), a), "the password is being checked")
		for range 5 {
			require.ErrorIs(t, throttle.wrong(t.Context(), a), errCredentials)
		}
		err := throttle.right(t.Context(), a)
		var public *httpapi.Error
		require.ErrorAs(t, err, &public)
		require.Equal(t, 429, public.Status)
	})
}

func TestTheSweepDeletesExpiredFailuresAndNoOthers(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		handler, module, clock := throttled(t, db, usual)
		job := jobOf(t, module, "login_failures")
		sweep := func() (more bool) {
			more, err := job.Do(t.Context())
			require.NoError(t, err)
			return more
		}
		for i := range 100 {
			try(handler, fmt.Sprint("nobody", i), "guess")
		}
		clock.Add((20 * time.Minute).Milliseconds())
		require.False(t, sweep())
		require.Equal(t, 100, failureRows(t, db), "a row that still counts was deleted")
		for i := range 40 {
			try(handler, fmt.Sprint("anybody", i), "guess")
		}
		clock.Add(1)
		require.False(t, sweep())
		require.Equal(t, 40, failureRows(t, db))
	})
}

// jobOf returns a job of the module by its name.
func jobOf(t *testing.T, module *Module, name string) worker.Job {
	jobs := module.Jobs()
	i := slices.IndexFunc(jobs, func(job worker.Job) bool { return job.Name == name })
	require.GreaterOrEqual(t, i, 0, name)
	return jobs[i]
}

func TestTheSweepWorksInPieces(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		_, module, clock := throttled(t, db, usual)
		const rows = 2*sweepSize + sweepSize/2
		require.NoError(t, db.Write(t.Context(), func(tx *database.Tx) error {
			for i := range rows {
				_, err := tx.Exec("INSERT INTO login_failures (name_hash, failures, failed_at, delay) VALUES ($1, 1, $2, 0)",
					fmt.Sprint(i), clock.Load()-int64(i))
				if err != nil {
					return err
				}
			}
			return nil
		}))
		clock.Add((21 * time.Minute).Milliseconds())
		left := rows
		for more := true; more; {
			var err error
			more, err = module.throttle.sweep(t.Context())
			require.NoError(t, err)
			before := left
			left = failureRows(t, db)
			require.LessOrEqual(t, before-left, sweepSize)
			require.Equal(t, left > 0, more, "%d rows are left", left)
		}
	})
}

func TestReplicasMaySweepConcurrently(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		handler, module, clock := throttled(t, db, usual)
		for i := range 100 {
			try(handler, fmt.Sprint("nobody", i), "guess")
		}
		clock.Add((21 * time.Minute).Milliseconds())
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() {
				if _, err := module.throttle.sweep(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		require.Zero(t, failureRows(t, db))
	})
}

func failureRows(t *testing.T, db *database.DB) (count int) {
	require.NoError(t, db.QueryRow(t.Context(), "SELECT count(*) FROM login_failures").Scan(&count))
	return count
}

func TestWithoutAThrottleFailuresDelayNothingAndAreSwept(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		handler, module, clock := throttled(t, db, Throttle{})
		for range 20 {
			require.Equal(t, "wrong", outcome(try(handler, "test", "guess")))
			require.Equal(t, "wrong", outcome(try(handler, "nobody", "guess")))
		}
		require.Equal(t, 2, failureRows(t, db), "both names cost the same")
		require.Equal(t, "in", outcome(try(handler, "test", "test123")))
		clock.Add(1)
		_, err := jobOf(t, module, "login_failures").Do(t.Context())
		require.NoError(t, err)
		require.Zero(t, failureRows(t, db))
	})
}

func TestWithoutAThrottleEveryGuessIsAnswered(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		handler, _, _ := throttled(t, db, Throttle{})
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
		handler, _, _ := throttled(t, db, strict)
		require.Equal(t, "wrong", outcome(try(handler, "test", "guess")))
		require.Equal(t, "1", outcome(try(handler, "test", "test123")))
	})
}

func TestLoginsAndRegistrationsHaveSeparateLimitsByAddress(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		handler, _ := mounted(t, Config{
			DB:            db,
			Logins:        httpapi.Limit{Count: 1, Per: time.Hour, Burst: 2},
			Registrations: httpapi.Limit{Count: 1, Per: time.Hour, Burst: 1},
		})
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

func TestParseFailures(t *testing.T) {
	for text, want := range map[string]Throttle{
		"5/15m":          {Failures: 5, Window: 15 * time.Minute},
		"1/1ms":          {Failures: 1, Window: time.Millisecond},
		"1000000000/24h": {Failures: 1_000_000_000, Window: 24 * time.Hour},
		"3/1h30m":        {Failures: 3, Window: 90 * time.Minute},
	} {
		got, err := ParseFailures(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{
		"", "5", "/", "5/", "/15m", "0/15m", "-1/15m", "1000000001/15m", "5/0s", "5/999us", "5/-1m", "5/24h1s", "5/15",
		"x/15m", "5/15m:2", "5/15m/1h", "1.5/1m", " 5/15m", "99999999999999999999/1m",
	} {
		_, err := ParseFailures(text)
		require.EqualError(t, err, "must be COUNT/TIME, like 5/15m", "%q", text)
	}
}

func TestAMaximumDelayBelowTheDelayIsRefused(t *testing.T) {
	throttle := usual
	throttle.Delay = usual.MaxDelay
	require.NoError(t, throttle.Check())
	require.NoError(t, Throttle{}.Check())
	throttle.Delay++
	require.EqualError(t, throttle.Check(), "maximum login delay of 5m0s is less than the delay of 5m0.000000001s")
	_, err := New(t.Context(), Config{Throttle: throttle})
	require.Equal(t, throttle.Check(), err)
}
