package work

import (
	"fmt"
	"strconv"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Many is the number of users without an account. Their ids follow those of the Users.
const Many = 100_000

// Bearers holds the tokens of users without an account, beginning with user Users+1. The service takes any token that is
// signed with its secret.
type Bearers []string

// Sign returns the tokens of Many users.
func Sign(secret string) (Bearers, error) {
	bearers := make(Bearers, Many)
	for i := range bearers {
		token, err := sign(secret, Users+1+i, "")
		if err != nil {
			return nil, err
		}
		bearers[i] = token
	}
	return bearers, nil
}

// SignUsers returns tokens of the Users that belong to no session.
func SignUsers(secret string) (Tokens, error) {
	tokens := make(Tokens, Users)
	for i := range tokens {
		token, err := sign(secret, i+1, "")
		if err != nil {
			return nil, err
		}
		tokens[i] = token
	}
	return tokens, nil
}

// SignStaff returns the token of a user, without an account, who is staff.
func SignStaff(secret string) (token string, err error) { return sign(secret, Users+Many+1, "staff") }

func sign(secret string, user int, role string) (token string, err error) {
	const life = 12 * time.Hour // the service refuses more than a day
	now, subject := time.Now(), strconv.Itoa(user)
	token, err = jwt.NewWithClaims(jwt.SigningMethodHS256, claims{jwt.RegisteredClaims{
		Subject: subject, IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(life)), ID: "bench-" + subject,
	}, role}).SignedString([]byte(secret))
	if err != nil {
		return "", fmt.Errorf("sign the token of user %s: %w", subject, err)
	}
	return token, nil
}

type claims struct {
	jwt.RegisteredClaims
	Role string `json:"role,omitempty"`
}

// at returns the user with a number from 0 on and the user's token.
func (b Bearers) at(number int) (user, token string) {
	return strconv.Itoa(Users + 1 + number), b[number]
}
