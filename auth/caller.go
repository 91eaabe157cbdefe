package auth

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"userorder/httpapi"
)

// Role is what an account may do beyond its own affairs.
type Role string

// Staff runs the shop; everybody else is a customer.
const (
	Customer Role = "customer"
	Staff    Role = "staff"
)

// Caller is who a token was issued to. It is safe for concurrent use, for nobody changes it.
type Caller struct {
	UserID    int64 // positive
	Role      Role
	SessionID int64 // 0 for a token that belongs to no session
}

// ErrForbidden means that a route is for another role.
var ErrForbidden = &httpapi.Error{
	Status: http.StatusForbidden, Code: http.StatusForbidden,
	Msg: httpapi.Text{ZH: "权限不足", EN: "you may not do this"},
}

// CallerOf returns who makes the request. It panics on a route without Required, which is a wiring bug.
func CallerOf(c *gin.Context) Caller {
	caller, ok := httpapi.Caller(c).(*Caller)
	if !ok {
		panic("auth: a route that asks for its caller is not behind Required")
	}
	return *caller
}

// Only lets callers of one role pass and answers all others with ErrForbidden. It stands behind Required.
func Only(role Role) gin.HandlerFunc {
	return func(c *gin.Context) {
		if CallerOf(c).Role != role {
			httpapi.Fail(c, ErrForbidden)
		}
	}
}
