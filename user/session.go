package user

import (
	"context"
	"errors"
	"net/http"

	"userorder/auth"
	"userorder/event"
	"userorder/httpapi"
)

var (
	errNoSession = httpapi.NewBusinessError(httpapi.Text{ZH: "会话不存在", EN: "no such session"})
	errSessionID = httpapi.NewError(http.StatusBadRequest, httpapi.Text{ZH: "会话编号须为正整数", EN: "the session id must be a positive integer"})
	textScope    = httpapi.Text{ZH: "须为 this、others 或 all", EN: "must be this, others or all"}
)

// scope says which sessions a logout ends.
type scope string

const (
	scopeThis   scope = "this"
	scopeOthers scope = "others"
	scopeAll    scope = "all"
)

// UnmarshalText accepts one of the scopes.
func (s *scope) UnmarshalText(text []byte) error {
	switch named := scope(text); named {
	case scopeThis, scopeOthers, scopeAll:
		*s = named
		return nil
	}
	return textScope
}

// refresh returns access to the session of a refresh token, and the session. If the token is not good it returns an error
// that auth.Unauthorized knows, and it ends the session of one that was reused.
func (s *service) refresh(ctx context.Context, from client, text string) (auth.Access, auth.Session, error) {
	token, err := s.tokens.ParseRefresh(text)
	if err != nil {
		return auth.Access{}, auth.Session{}, err
	}
	session, err := s.store.sessions.Refresh(ctx, token)
	if errors.Is(err, auth.ErrReused) {
		if err := s.store.endReused(ctx, session, from); err != nil {
			return auth.Access{}, session, err
		}
	}
	if err != nil {
		return auth.Access{}, session, err
	}
	access, err := s.tokens.Grant(session)
	return access, session, err
}

// logout ends sessions of the caller and returns how many went on.
func (s *service) logout(ctx context.Context, caller auth.Caller, which scope) (count int, err error) {
	err = s.store.sessions.Write(ctx, func(tx *auth.SessionTx) (err error) {
		switch which {
		case scopeOthers:
			count, err = tx.EndAll(caller.UserID, caller.SessionID)
		case scopeAll:
			count, err = tx.EndAll(caller.UserID, 0)
		case scopeThis:
			count, err = tx.End(caller.UserID, caller.SessionID)
		}
		return err
	})
	return count, err
}

// shownSession is a session as clients see it.
type shownSession struct {
	ID         int64             `json:"id,string"`
	CreatedAt  httpapi.Timestamp `json:"created_at"`
	LastUsedAt httpapi.Timestamp `json:"last_used_at"` // of the last login or refresh
	Client     string            `json:"client"`
	Address    string            `json:"address"`
	Current    bool              `json:"current"` // the caller's own
}

// sessions returns the sessions of the caller that go on, the newest first.
func (s *service) sessions(ctx context.Context, caller auth.Caller) ([]shownSession, error) {
	sessions, err := s.store.sessions.List(ctx, caller.UserID)
	if err != nil {
		return nil, err
	}
	shown := make([]shownSession, 0, len(sessions))
	for _, session := range sessions {
		shown = append(shown, shownSession{
			ID: session.ID, Client: session.Client, Address: session.Address, Current: session.ID == caller.SessionID,
			CreatedAt: httpapi.Timestamp{Time: session.CreatedAt}, LastUsedAt: httpapi.Timestamp{Time: session.RefreshedAt},
		})
	}
	return shown, nil
}

// endSession ends a session of an account, or returns errNoSession.
func (s *service) endSession(ctx context.Context, account, id int64) error {
	return s.store.sessions.Write(ctx, func(tx *auth.SessionTx) error {
		count, err := tx.End(account, id)
		if err == nil && count == 0 {
			return errNoSession
		}
		return err
	})
}

// endReused ends a session of which a refresh token was used again.
func (s *store) endReused(ctx context.Context, session auth.Session, from client) error {
	return s.sessions.Write(ctx, func(tx *auth.SessionTx) error {
		count, err := tx.End(session.UserID, session.ID)
		if err != nil || count == 0 { // another request was faster
			return err
		}
		return events.Append(tx.Tx, event.Event{
			Type: eventSessionReused, Subject: session.UserID, Address: from.address,
			At: httpapi.Timestamp{Time: s.sessions.Now()},
		})
	})
}
