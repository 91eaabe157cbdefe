package user

import (
	"context"
	"net/http"
	"time"

	"userorder/httpapi"
)

// Throttle is how guessing at one account's password is slowed down: after Failures wrong passwords in a row
// no password is looked at for Delay, and for twice as long with each further one, up to MaxDelay. A right
// password, or Window without a wrong one, forgets them all. The zero Throttle slows nothing down.
//
// There is no lock that stays, which would let anybody shut out anybody
// (https://cheatsheetseries.owasp.org/cheatsheets/Authentication_Cheat_Sheet.html#account-lockout).
type Throttle struct {
	Failures        int
	Window          time.Duration
	Delay, MaxDelay time.Duration
}

// ErrTooManyFailures means that passwords of this name are not looked at for a while, and tells for how long.
// A name that nobody has is treated alike.
var ErrTooManyFailures = &httpapi.Error{
	Status: http.StatusTooManyRequests, Code: http.StatusTooManyRequests,
	Msg: httpapi.Text{ZH: "密码错误次数过多，请稍后重试", EN: "too many wrong passwords, try again later"},
}

// failures is what is kept of the wrong passwords for a name.
type failures struct {
	count    int64
	failedAt time.Time
	delay    time.Duration
}

// wait returns how much of the delay is left at now. A failure in the future is no reason to wait: the clock
// was set back since.
func (f failures) wait(now time.Time) time.Duration {
	if f.failedAt.After(now) {
		return 0
	}
	return max(0, f.failedAt.Add(f.delay).Sub(now))
}

// throttle applies a Throttle. What it knows is in the database, so that it survives a restart and holds for
// all replicas together.
type throttle struct {
	Throttle
	store *store
	now   func() time.Time
}

func (t *throttle) on() bool { return t.Failures > 0 }

// check returns ErrTooManyFailures while passwords of name are not looked at, and otherwise the failures so
// far.
func (t *throttle) check(ctx context.Context, name Username) (failures, error) {
	if !t.on() {
		return failures{}, nil
	}
	f, err := t.store.failures(ctx, name)
	if err != nil {
		return failures{}, err
	}
	if wait := f.wait(t.now()); wait > 0 {
		return failures{}, ErrTooManyFailures.After(wait)
	}
	return f, nil
}

// wrong counts a wrong password and returns ErrCredentials, or ErrTooManyFailures if others have used up the
// tries while this one was looked at: of guesses at once no more are answered than of guesses in a row.
func (t *throttle) wrong(ctx context.Context, name Username) error {
	if !t.on() {
		return ErrCredentials
	}
	now := t.now()
	count, err := t.store.addFailure(ctx, name, t.Throttle, now)
	switch {
	case err != nil:
		return err
	case count == 0:
		return ErrTooManyFailures.After(t.Delay) // at least
	case count == 1: // a row came, so old ones may go; if that fails, the next name tries again
		_ = t.store.dropFailures(ctx, name, now.Add(-t.Window-t.MaxDelay))
	}
	return ErrCredentials
}

// right forgets the wrong passwords for name, or returns ErrTooManyFailures as wrong does: a guess must not
// be told that it was right either.
func (t *throttle) right(ctx context.Context, name Username) error {
	f, err := t.check(ctx, name)
	if err != nil || f.count == 0 {
		return err
	}
	return t.store.forgetFailures(ctx, name, f)
}
