package user

import (
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
}

// register makes an account and returns its id, or ErrNameTaken, or ErrBusy.
func (s *service) register(ctx context.Context, name Username, password Password, email Email) (id int64, err error) {
	hash, err := s.hasher.hash(ctx, string(password))
	if err != nil {
		return 0, err
	}
	return s.store.insert(ctx, name, email, hash, time.Now())
}

// login returns the user's id and a token, or ErrCredentials, ErrTooManyFailures or ErrBusy. A name that
// nobody has costs the same hash as one that somebody has and is throttled like it, so that neither the
// answer nor its time tells them apart.
func (s *service) login(ctx context.Context, name, password string) (id int64, token string, err error) {
	var username Username
	if username.UnmarshalText([]byte(name)) != nil {
		return 0, "", ErrCredentials
	}
	if err := s.throttle.admit(ctx, username); err != nil {
		return 0, "", err
	}
	id, outdated, err := s.authenticate(ctx, username, password)
	switch {
	case errors.Is(err, ErrCredentials):
		return 0, "", s.throttle.wrong(ctx, username)
	case err != nil:
		return 0, "", err
	}
	if err := s.throttle.right(ctx, username); err != nil {
		return 0, "", err
	}
	if outdated != "" {
		s.rehash(ctx, id, password, outdated)
	}
	token, err = s.tokens.Issue(auth.Caller{UserID: id})
	return id, token, err
}

// authenticate returns the id of the user who has this name and password, or ErrCredentials, or ErrBusy.
// outdated is the user's hash if it is of another cost than a new one.
func (s *service) authenticate(ctx context.Context, name Username, password string) (id int64, outdated string, err error) {
	var plain Password
	if plain.UnmarshalText([]byte(password)) != nil {
		return 0, "", ErrCredentials
	}
	id, hash, err := s.store.credentials(ctx, name)
	unknown := errors.Is(err, ErrNotFound)
	switch {
	case unknown:
		hash = s.hasher.decoy
	case err != nil:
		return 0, "", err
	}
	ok, old, err := s.hasher.verify(ctx, password, hash)
	switch {
	case err != nil:
		return 0, "", err
	case !ok, unknown:
		return 0, "", ErrCredentials
	case old:
		outdated = hash
	}
	return id, outdated, nil
}

// rehash replaces a hash of another cost while the password is at hand. It may fail without harm: the next
// login tries again.
func (s *service) rehash(ctx context.Context, id int64, password, old string) {
	if hash, err := s.hasher.hash(ctx, password); err == nil {
		_ = s.store.replaceHash(ctx, id, old, hash)
	}
}

// info returns the account of a user, or ErrNotFound.
func (s *service) info(ctx context.Context, id int64) (User, error) {
	return s.store.byID(ctx, id)
}
