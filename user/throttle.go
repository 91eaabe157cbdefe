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
// (https://cheatsheetseries.owasp.org/cheatsheets/Authentication_Cheat_Sheet.html#account-lockout), and while it goes on
// the owner gets in from where the account has logged in of late; from elsewhere the owner has to wait, too.
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

// failures are the login failures of a name, or of a name from one network.
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
//
// There are two counts: one of the name, and for each network one of the guesses that it makes during the delay of the
// name. During that delay the right password is refused as a wrong one is, unless it comes from a network from which the
// account has logged in of late and whose own count has no delay. So strangers cannot keep the owner out. What is wrong
// gets the same answer, after the same steps, wherever it comes from: nobody learns which networks, or names, are known.
type throttle struct {
	Throttle
	store *store
	now   func() time.Time

	// blind is set while failures cannot be recorded. A failure is then recorded before the password is checked; otherwise
	// guessing would be free for as long as the disk is full.
	blind atomic.Bool
}

// attempt is one check of the password of a name.
type attempt struct {
	name    username
	client  client
	account int64 // 0 if nobody has the name
	known   bool  // the account has logged in from the client's network
}

// nameKey is the key of the failures of a name, and ownKey that of the failures from the client's network. Those of one
// name have one prefix. Names are hashed because people type passwords into the name field.
func (n username) failuresKey() string { return hashOf(n.key) }
func (a attempt) nameKey() string      { return a.name.failuresKey() }
func (a attempt) ownKey() string       { return a.nameKey() + ":" + hashOf(a.client.network.String()) }

func (t *throttle) on() bool { return t.Failures > 0 }

// admit must be called before a password is checked. It returns an error if a failure could not be recorded.
func (t *throttle) admit(ctx context.Context, a attempt) error {
	if !t.on() || !t.blind.Load() {
		return nil
	}
	_, err := t.record(ctx, a, a.nameKey(), false)
	return err
}

// record records a failure and, if the password was judged, its event. It returns how many failures there are in a row,
// or 0 if a delay goes on.
func (t *throttle) record(ctx context.Context, a attempt, key string, judged bool) (count int64, err error) {
	ctx = context.WithoutCancel(ctx) // a client must not escape by hanging up
	if !judged {
		a.account = 0
	}
	count, err = t.store.addFailure(ctx, a, key, t.Throttle, t.now())
	t.blind.Store(err != nil)
	return count, err
}

// wrong records a failure and returns errCredentials, or errTooManyFailures during a delay, which concurrent guesses may
// have brought about while this password was checked: they get no more answers than sequential ones.
func (t *throttle) wrong(ctx context.Context, a attempt) error {
	if !t.on() { // the failure is recorded all the same: a name that nobody has must not answer sooner
		_, err := t.record(ctx, a, a.nameKey(), true)
		return cmp.Or[error](err, errCredentials)
	}
	ofName, _, err := t.store.failures(ctx, a)
	if err != nil {
		return err
	}
	if wait := ofName.wait(t.now()); wait > 0 {
		return t.refuse(ctx, a, wait, a.known)
	}
	count, err := t.record(ctx, a, a.nameKey(), true)
	if err == nil && count == 0 {
		if ofName, _, err = t.store.failures(ctx, a); err == nil && ofName.wait(t.now()) > 0 {
			return errTooManyFailures.After(ofName.wait(t.now()))
		}
	}
	return cmp.Or[error](err, errCredentials)
}

// right forgets failures. It returns errTooManyFailures if the right password is refused, after the same steps as in
// wrong: a guess must not learn that it was right.
func (t *throttle) right(ctx context.Context, a attempt) error {
	if !t.on() {
		return nil
	}
	ofName, own, err := t.store.failures(ctx, a)
	if err != nil {
		return err
	}
	key, forget := a.nameKey(), ofName
	if wait := ofName.wait(t.now()); wait > 0 {
		if !a.known || own.wait(t.now()) > 0 {
			return t.refuse(ctx, a, wait, false)
		}
		key, forget = a.ownKey(), own
	}
	if forget.count > 0 {
		_ = t.store.forgetFailures(ctx, key, forget) // on an error they expire
	}
	return nil
}

// refuse records a guess during the delay of the name and returns errTooManyFailures.
func (t *throttle) refuse(ctx context.Context, a attempt, wait time.Duration, judged bool) error {
	_, err := t.record(ctx, a, a.ownKey(), judged)
	return cmp.Or[error](err, errTooManyFailures.After(wait))
}

// sweep deletes expired failures and reports whether there may be more.
func (t *throttle) sweep(ctx context.Context) (more bool, err error) {
	return t.store.sweep(ctx, sweepFailures, t.now().Add(-t.Window-t.MaxDelay))
}
