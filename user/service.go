package user

import (
	"cmp"
	"context"
	"errors"
	"net/netip"
	"time"

	"userorder/auth"
)

type service struct {
	store    *store
	hasher   *hasher
	throttle *throttle
	tokens   *auth.Tokens
	now      func() time.Time
}

// access is what a login grants, as clients see it.
type access struct {
	Token     string `json:"token"`
	UserID    int64  `json:"userid,string"`
	ExpiresIn int64  `json:"expires_in"` // seconds
}

// register creates an account and returns its id, or errNameTaken or errBusy.
func (s *service) register(ctx context.Context, client netip.Prefix, name username, plain password, address email) (id int64, err error) {
	hash, err := s.hasher.hash(ctx, client, string(plain))
	if err != nil {
		return 0, err
	}
	if name.earlierKey() != name.key { // the index knows nothing of an account that an earlier release has registered
		if _, err := s.store.credentials(ctx, name); !errors.Is(err, errNotFound) {
			return 0, cmp.Or[error](err, errNameTaken)
		}
	}
	return s.store.insert(ctx, name, address, hash, s.now())
}

// login returns access to the account with this name and password, and the account's id, or errCredentials,
// errTooManyFailures or errBusy. With an error the id, for the log, is that of the account with the name, or 0 if none
// has it or it was not looked up. A name without an account costs the same hash as any other and is throttled alike, so
// that neither the answer nor the time it takes tells which names exist.
func (s *service) login(ctx context.Context, client netip.Prefix, typed, plain string) (granted access, id int64, err error) {
	var name username
	if name.UnmarshalText([]byte(typed)) != nil {
		return access{}, 0, errCredentials
	}
	if err := s.throttle.admit(ctx, name); err != nil {
		return access{}, 0, err
	}
	id, outdated, err := s.authenticate(ctx, client, name, plain)
	switch {
	case errors.Is(err, errCredentials):
		return access{}, id, s.throttle.wrong(ctx, name)
	case err != nil:
		return access{}, id, err
	}
	if err := s.throttle.right(ctx, name); err != nil {
		return access{}, id, err
	}
	if outdated != "" {
		s.rehash(ctx, client, id, plain, outdated)
	}
	granted, err = s.grant(id)
	return granted, id, err
}

// authenticate returns the id of the account with this name, and errCredentials if the password is not its own or the
// name is nobody's, or errBusy. outdated is its hash if a new one would be made in another way, and empty otherwise.
func (s *service) authenticate(
	ctx context.Context, client netip.Prefix, name username, plain string,
) (id int64, outdated string, err error) {
	stored, err := s.store.credentials(ctx, name)
	unknown := errors.Is(err, errNotFound)
	switch {
	case unknown:
		stored.hash = s.hasher.decoy
	case err != nil:
		return 0, "", err
	}
	var ok, old bool
	for i, candidate := range candidatesOf(plain) {
		if ok, old, err = s.hasher.verify(ctx, client, candidate, stored.hash); err != nil {
			return stored.id, "", err
		}
		if old = old || i > 0; ok {
			break
		}
	}
	if !ok || unknown {
		return stored.id, "", errCredentials
	}
	if stored.key != name.key && stored.key == name.earlierKey() {
		_ = s.store.replaceKey(ctx, stored.id, stored.key, name.key) // on an error the next login tries again
	}
	if old {
		outdated = stored.hash
	}
	return stored.id, outdated, nil
}

// rehash replaces an outdated hash while the password is at hand. A failure is harmless: the next login tries again.
func (s *service) rehash(ctx context.Context, client netip.Prefix, id int64, plain, old string) {
	var prepared password
	if prepared.UnmarshalText([]byte(plain)) != nil {
		return // it was long enough only as it was typed, and stays as it is
	}
	if hash, err := s.hasher.hash(ctx, client, string(prepared)); err == nil {
		_ = s.store.replaceHash(ctx, id, old, hash)
	}
}

// grant issues a token for an account.
func (s *service) grant(id int64) (access, error) {
	token, err := s.tokens.Issue(auth.Caller{UserID: id})
	if err != nil {
		return access{}, err
	}
	return access{Token: token, UserID: id, ExpiresIn: int64(s.tokens.TTL().Seconds())}, nil
}

// info returns an account, or errNotFound.
func (s *service) info(ctx context.Context, id int64) (account, error) {
	return s.store.byID(ctx, id)
}
