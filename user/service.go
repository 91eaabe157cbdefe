package user

import (
	"cmp"
	"context"
	"errors"
	"time"

	"userorder/auth"
)

type service struct {
	store    *store
	hasher   *hasher
	throttle *throttle
	tokens   *auth.Tokens
	mail     func(WriteMail) bool // nil if there is no mail server
	resetURL string               // with {token}
	now      func() time.Time
}

// register creates an account and returns its id, or errNameTaken or errBusy.
func (s *service) register(
	ctx context.Context, from client, name username, plain password, address email,
) (id int64, err error) {
	hash, err := s.hasher.hash(ctx, from.network, string(plain))
	if err != nil {
		return 0, err
	}
	if name.earlierKey() != name.key { // the index knows nothing of an account that an earlier release has registered
		if _, err := s.store.credentials(ctx, name); !errors.Is(err, errNotFound) {
			return 0, cmp.Or[error](err, errNameTaken)
		}
	}
	return s.store.insert(ctx, name, address, hash, from, s.now())
}

// login begins a session of the account with this name and password, and returns access to it and the account's id, or
// errCredentials, errDisabled, errTooManyFailures or errBusy. With an error the id, for the log, is that of the account
// with the name, or 0. A name without an account costs the same hash as any other and is throttled alike, so that neither
// the answer nor the time it takes tells which names exist.
func (s *service) login(ctx context.Context, from client, typed, plain string) (granted auth.Access, id int64, err error) {
	var name username
	if name.UnmarshalText([]byte(typed)) != nil {
		return auth.Access{}, 0, errCredentials
	}
	stored, err := s.store.credentials(ctx, name)
	switch {
	case errors.Is(err, errNotFound):
		stored = credentials{hash: s.hasher.decoy}
	case err != nil:
		return auth.Access{}, 0, err
	}
	outdated, err := s.check(ctx, from, name, stored, plain)
	if err != nil {
		return auth.Access{}, stored.id, err
	}
	hash := stored.hash
	if outdated {
		hash = s.rehash(ctx, from, plain, stored.hash)
	}
	if stored.key != name.key && stored.key == name.earlierKey() {
		_ = s.store.replaceKey(ctx, stored.id, stored.key, name.key) // on an error the next login tries again
	}
	session, err := s.store.logIn(ctx, stored.id, stored.hash, hash, from)
	if err != nil {
		return auth.Access{}, stored.id, err
	}
	granted, err = s.tokens.Grant(session)
	return granted, stored.id, err
}

// check checks the password of an account that a client has named, by the rules of the throttle. It reports whether a new
// hash of it would be made in another way, or returns errCredentials, errTooManyFailures or errBusy. An account that is not
// there has the id 0.
func (s *service) check(
	ctx context.Context, from client, name username, stored credentials, plain string,
) (outdated bool, err error) {
	known, err := s.store.isKnown(ctx, stored.id, from, s.now())
	if err != nil {
		return false, err
	}
	a := attempt{name: name, client: from, account: stored.id, known: known}
	if err := s.throttle.admit(ctx, a); err != nil {
		return false, err
	}
	ok, outdated, err := s.verify(ctx, from, stored.hash, plain)
	switch {
	case err != nil:
		return false, err
	case !ok, stored.id == 0:
		return false, s.throttle.wrong(ctx, a)
	}
	return outdated, s.throttle.right(ctx, a)
}

// verify reports whether hash is that of a password, and whether a new one would be made in another way.
func (s *service) verify(ctx context.Context, from client, hash, plain string) (ok, outdated bool, err error) {
	for i, candidate := range candidatesOf(plain) {
		if ok, outdated, err = s.hasher.verify(ctx, from.network, candidate, hash); ok || err != nil {
			return ok, outdated || i > 0, err
		}
	}
	return false, false, nil
}

// rehash returns a new hash of a password, or the old one if that cannot be done now: the next login tries again.
func (s *service) rehash(ctx context.Context, from client, plain, old string) string {
	var prepared password
	if prepared.UnmarshalText([]byte(plain)) != nil {
		return old // it was long enough only as it was typed
	}
	hash, err := s.hasher.hash(ctx, from.network, string(prepared))
	if err != nil {
		return old
	}
	return hash
}

// checkOf checks the password of an account as check does, and returns its credentials too. It returns errPassword where
// check has errCredentials, and errNotFound.
func (s *service) checkOf(
	ctx context.Context, from client, account int64, plain string,
) (stored credentials, name username, err error) {
	stored, err = s.store.credentialsOf(ctx, account)
	if err != nil {
		return credentials{}, username{}, err
	}
	name = nameOf(stored.name, stored.key)
	if _, err = s.check(ctx, from, name, stored, plain); errors.Is(err, errCredentials) {
		err = errPassword
	}
	return stored, name, err
}

// info returns an account, or errNotFound.
func (s *service) info(ctx context.Context, id int64) (account, error) {
	return s.store.byID(ctx, id)
}
