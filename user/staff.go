package user

import (
	"context"
	"net/http"

	"userorder/auth"
	"userorder/httpapi"
)

var (
	errUserID    = httpapi.NewError(http.StatusBadRequest, httpapi.Text{ZH: "用户编号须为正整数", EN: "the user id must be a positive integer"})
	errNoChange  = httpapi.NewError(http.StatusBadRequest, httpapi.Text{ZH: "须有 role 或 disabled", EN: "role or disabled must be there"})
	errOneself   = httpapi.NewError(http.StatusForbidden, httpapi.Text{ZH: "不能修改自己的账户", EN: "this is not for your own account"})
	errLastStaff = httpapi.NewBusinessError(httpapi.Text{ZH: "至少保留一个管理员", EN: "at least one staff account must remain"})

	textRole = httpapi.Text{ZH: "须为 customer 或 staff", EN: "must be customer or staff"}
)

// role is a role in a body.
type role auth.Role

// UnmarshalText accepts the names of the roles.
func (r *role) UnmarshalText(text []byte) error {
	switch named := auth.Role(text); named {
	case auth.Customer, auth.Staff:
		*r = role(named)
		return nil
	}
	return textRole
}

// managed is a user as staff sees it.
type managed struct {
	ID        int64             `json:"userid,string"`
	Username  string            `json:"username"`
	Email     string            `json:"email"`
	Role      auth.Role         `json:"role"`
	Disabled  bool              `json:"disabled"`
	CreatedAt httpapi.Timestamp `json:"created_at"`
}

// update is what staff changes about an account. Nil leaves it as it is.
type update struct {
	role     *auth.Role
	disabled *bool
}

// list returns up to limit users whose ids are less than after, the newest first, and whether there are more. After 0
// begins with the newest.
func (s *service) list(ctx context.Context, after int64, limit int) (users []managed, more bool, err error) {
	users, err = s.store.list(ctx, after, limit+1)
	if len(users) > limit {
		return users[:limit], true, err
	}
	return users, false, err
}

// byName returns the user with a name, or none.
func (s *service) byName(ctx context.Context, name username) ([]managed, error) {
	return s.store.byName(ctx, name)
}

// update changes an account and ends its sessions, and returns the user, or errNotFound, errOneself, or auth.ErrForbidden if
// the caller is not staff any more.
func (s *service) update(ctx context.Context, from client, caller, account int64, change update) (managed, error) {
	if caller == account {
		return managed{}, errOneself
	}
	return s.store.update(ctx, caller, account, change, from)
}
