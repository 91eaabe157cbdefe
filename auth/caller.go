package auth

import (
	"github.com/gin-gonic/gin"

	"userorder/httpapi"
)

// Role determines what an account may do beyond its own affairs.
type Role string

// Staff runs the shop; everybody else is a Customer.
const (
	Customer Role = "customer"
	Staff    Role = "staff"
)

// Caller identifies the account and the session that a token was issued to.
type Caller struct {
	UserID    int64 // positive
	Role      Role
	SessionID int64 // 0 for a token without a session
}

// CallerOf returns the caller of a request. It panics on a route without Required, which is a wiring bug.
func CallerOf(c *gin.Context) Caller {
	caller, ok := httpapi.Caller(c).(*Caller)
	if !ok {
		panic("auth: a route that asks for its caller is not behind Required")
	}
	return *caller
}
