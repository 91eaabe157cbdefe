package auth

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/golang-jwt/jwt/v5"

	"userorder/httpapi"
)

// claims are the claims of a token that this package knows.
type claims struct {
	jwt.RegisteredClaims
	Role      Role   `json:"role,omitempty"` // Staff, or missing for a customer
	SessionID string `json:"sid,omitempty"`

	addressed bool // aud is present, whatever its value
	issued    bool // iss is present
}

// claimNames are the names of all claims in claims.
var claimNames = []string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "role", "sid"}

// claimsOf returns the claims of a token for caller, without its times and its id.
func claimsOf(caller Caller) claims {
	c := claims{RegisteredClaims: jwt.RegisteredClaims{Subject: strconv.FormatInt(caller.UserID, 10)}}
	if caller.Role == Staff {
		c.Role = Staff
	}
	if caller.SessionID != 0 {
		c.SessionID = strconv.FormatInt(caller.SessionID, 10)
	}
	return c
}

// caller returns the caller that the claims name. It refuses any aud: a recipient that aud does not name must reject the
// token (RFC 7519, section 4.1.3), and there is no name that could mean this service. An empty list or null names
// nobody either.
func (c *claims) caller() (*Caller, error) {
	if c.addressed {
		return nil, refuse(unsupported, "aud names another service")
	}
	userID, ok := httpapi.ParseID(c.Subject)
	if !ok {
		return nil, refuse(unsupported, "sub is not a user id")
	}
	caller := &Caller{UserID: userID, Role: cmp.Or(c.Role, Customer)}
	caller.SessionID, _ = httpapi.ParseID(c.SessionID) // checked by UnmarshalJSON
	return caller, nil
}

// UnmarshalJSON refuses what encoding/json and golang-jwt accept: duplicate claims, claims in another case, dates that
// are null or out of range, and a role or a session id that Issue does not write.
func (c *claims) UnmarshalJSON(text []byte) error {
	object, err := httpapi.ParseObject(text)
	if err != nil {
		return fmt.Errorf("claims: %w", err)
	}
	for _, name := range claimNames {
		if object.Misspelled(name) {
			return fmt.Errorf("claim %s has the wrong letter case", name)
		}
	}
	for _, name := range []string{"exp", "nbf", "iat"} {
		if value, ok := object[name]; ok && !isDate(value) {
			return fmt.Errorf("%s is not a date", name)
		}
	}
	type plain claims // without this method
	if err := json.Unmarshal(text, (*plain)(c)); err != nil {
		return err
	}
	_, c.addressed = object["aud"]
	_, c.issued = object["iss"]
	if _, ok := object["role"]; ok && c.Role != Staff {
		return errors.New("unknown role")
	}
	if _, ok := object["sid"]; ok {
		if _, ok := httpapi.ParseID(c.SessionID); !ok {
			return errors.New("sid is not a session id")
		}
	}
	return nil
}

// isDate reports whether value is a number of seconds that golang-jwt converts correctly. It takes a number beyond
// int64 for the distant past, so an iat or nbf of the distant future would pass.
func isDate(value json.RawMessage) bool {
	seconds, err := strconv.ParseFloat(string(value), 64)
	return err == nil && math.Abs(seconds) < 1<<53
}
