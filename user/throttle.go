package user

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"userorder/httpapi"
)

// Throttle is how guessing at one account's password is slowed down: after Failures wrong passwords in a row
// no password is looked at for Delay, and for twice as long with each further one, up to MaxDelay. A right
// password, or Window without a wrong one, forgets them all. The zero Throttle slows nothing down.
//
// There is no lock that stays when the guessing ends
// (https://cheatsheetseries.owasp.org/cheatsheets/Authentication_Cheat_Sheet.html#account-lockout), but while it
// goes on the owner has to wait like everybody else.
type Throttle struct {
	Failures        int
	Window          time.Duration
	Delay, MaxDelay time.Duration
}

// ErrTooManyFailures means that passwords of this name are not looked at for a while, and tells for how long.
// A name that nobody has is treated alike.
var ErrTooManyFailures = &httpapi.Error{
	Status: http.StatusTooManyRequests, Code: http.StatusTooManyRequests,
	Msg:   httpapi.Text{ZH: "密码错误次数过多，请稍后重试", EN: "too many wrong passwords, try again later"},
	Limit: "failures",
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

	// blind is set while failures cannot be counted. A try is then counted before its password is looked at, or
	// guessing would be free for as long as a disk is full.
	blind atomic.Bool
}

func (t *throttle) on() bool { return t.Failures > 0 }

// admit returns ErrTooManyFailures while passwords of name are not looked at.
func (t *throttle) admit(ctx context.Context, name Username) error {
	if _, err := t.check(ctx, name); err != nil || !t.blind.Load() {
		return err
	}
	_, err := t.count(ctx, name)
	return err
}

// check returns ErrTooManyFailures during a delay, and otherwise the failures so far.
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

// count counts a failure and returns how many there are in a row, or 0 if a delay began meanwhile.
func (t *throttle) count(ctx context.Context, name Username) (count int64, err error) {
	now := t.now()
	ctx = context.WithoutCancel(ctx) // a client cannot escape by hanging up
	count, err = t.store.addFailure(ctx, name, t.Throttle, now)
	t.blind.Store(err != nil)
	if count == 1 { // a row came, so old ones may go; if that fails, the next name tries again
		_ = t.store.dropFailures(ctx, name, now.Add(-t.Window-t.MaxDelay))
	}
	return count, err
}

// wrong counts a wrong password and returns ErrCredentials, or ErrTooManyFailures if others have used up the
// tries while this one was looked at: of guesses at once no more are answered than of guesses in a row. It does
// what right does for as long as their answers are the same, so that their time is, too.
func (t *throttle) wrong(ctx context.Context, name Username) error {
	if _, err := t.check(ctx, name); err != nil || !t.on() {
		return errorOr(err, ErrCredentials)
	}
	count, err := t.count(ctx, name)
	if err == nil && count == 0 {
		_, err = t.check(ctx, name)
	}
	return errorOr(err, ErrCredentials)
}

// right forgets the wrong passwords for name, or returns ErrTooManyFailures as wrong does: a guess must not
// be told that it was right either.
func (t *throttle) right(ctx context.Context, name Username) error {
	f, err := t.check(ctx, name)
	if err == nil && f.count > 0 {
		_ = t.store.forgetFailures(ctx, name, f) // if that fails they are forgotten in time
	}
	return err
}

func errorOr(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}
