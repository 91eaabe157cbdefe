package user

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"userorder/httpapi"
)

// Throttle slows down guessing the password of one account. After Failures wrong passwords in a row no password is
// checked for Delay, and each further failure doubles the delay, up to MaxDelay. A right password forgets the failures,
// and so does Window without a wrong one. The zero Throttle slows nothing down.
//
// No account stays locked once the guessing ends
// (https://cheatsheetseries.owasp.org/cheatsheets/Authentication_Cheat_Sheet.html#account-lockout), but while it goes on
// the owner has to wait, too.
type Throttle struct {
	Failures        int
	Window          time.Duration
	Delay, MaxDelay time.Duration
}

// Check reports a MaxDelay that is less than Delay.
func (t Throttle) Check() error {
	if t.MaxDelay < t.Delay {
		return fmt.Errorf("maximum login delay of %s is less than the delay of %s", t.MaxDelay, t.Delay)
	}
	return nil
}

var errFailures = errors.New("must be COUNT/TIME, like 5/15m")

// ParseFailures parses COUNT/TIME, such as 5/15m, into the Failures and the Window of a Throttle, within the bounds of
// httpapi.ParseLimit. The text of the error continues a sentence such as "x must be …".
func ParseFailures(text string) (Throttle, error) {
	limit, err := httpapi.ParseLimit(text)
	if err != nil || strings.Contains(text, ":") {
		return Throttle{}, errFailures
	}
	return Throttle{Failures: limit.Count, Window: limit.Per}, nil
}

// errTooManyFailures means that passwords for this name are not checked during a delay, whether or not an account has the
// name. Its RetryAfter is the rest of the delay.
var errTooManyFailures = &httpapi.Error{
	Status: http.StatusTooManyRequests, Code: http.StatusTooManyRequests,
	Msg:   httpapi.Text{ZH: "密码错误次数过多，请稍后重试", EN: "too many wrong passwords, try again later"},
	Limit: "failures",
}

// failures are the login failures of a name.
type failures struct {
	count    int64 // in a row
	failedAt time.Time
	delay    time.Duration
}

// wait returns the rest of the delay at now. A failure in the future causes no wait: the clock was set back since.
func (f failures) wait(now time.Time) time.Duration {
	if f.failedAt.After(now) {
		return 0
	}
	return max(0, f.failedAt.Add(f.delay).Sub(now))
}

// throttle applies a Throttle. It keeps the failures in the database, so that they survive a restart and all replicas
// share them.
type throttle struct {
	Throttle
	store *store
	now   func() time.Time

	// blind is set while failures cannot be recorded. A failure is then recorded before the password is checked; otherwise
	// guessing would be free for as long as the disk is full.
	blind atomic.Bool
}

func (t *throttle) on() bool { return t.Failures > 0 }

// admit returns errTooManyFailures if no password for name may be checked now.
func (t *throttle) admit(ctx context.Context, name username) error {
	if _, err := t.check(ctx, name); err != nil || !t.blind.Load() {
		return err
	}
	_, err := t.record(ctx, name)
	return err
}

// check returns the failures so far, or errTooManyFailures during a delay.
func (t *throttle) check(ctx context.Context, name username) (failures, error) {
	if !t.on() {
		return failures{}, nil
	}
	f, err := t.store.failures(ctx, name)
	if err != nil {
		return failures{}, err
	}
	if wait := f.wait(t.now()); wait > 0 {
		return failures{}, errTooManyFailures.After(wait)
	}
	return f, nil
}

// record records a failure and returns how many there are in a row, or 0 if a delay has begun meanwhile.
func (t *throttle) record(ctx context.Context, name username) (count int64, err error) {
	ctx = context.WithoutCancel(ctx) // a client must not escape by hanging up
	count, err = t.store.addFailure(ctx, name, t.Throttle, t.now())
	t.blind.Store(err != nil)
	return count, err
}

// wrong records a failure and returns errCredentials, or errTooManyFailures if concurrent guesses have used up the
// attempts while this password was checked: concurrent guesses get no more answers than sequential ones. A refused guess
// takes the same steps here as in right, so that its time does not tell whether it was right.
func (t *throttle) wrong(ctx context.Context, name username) error {
	if _, err := t.check(ctx, name); err != nil || !t.on() {
		return cmp.Or[error](err, errCredentials)
	}
	count, err := t.record(ctx, name)
	if err == nil && count == 0 {
		_, err = t.check(ctx, name)
	}
	return cmp.Or[error](err, errCredentials)
}

// right forgets the failures of name. Like wrong it returns errTooManyFailures if the attempts are used up meanwhile: a
// guess must not learn that it was right either.
func (t *throttle) right(ctx context.Context, name username) error {
	f, err := t.check(ctx, name)
	if err == nil && f.count > 0 {
		_ = t.store.forgetFailures(ctx, name, f) // on an error they expire
	}
	return err
}

// sweepSize is the number of rows that sweep deletes at once. On SQLite other writes wait for them, some 3 ms.
const sweepSize = 200

// sweep deletes expired failures, the oldest first, and reports whether there may be more.
func (t *throttle) sweep(ctx context.Context) (more bool, err error) {
	rows, err := t.store.sweepFailures(ctx, t.now().Add(-t.Window-t.MaxDelay), sweepSize)
	return rows == sweepSize, err
}
