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
	const life = 12 * time.Hour // the service refuses more than a day
	now := time.Now()
	bearers := make(Bearers, Many)
	for i := range bearers {
		user := strconv.Itoa(Users + 1 + i)
		token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.RegisteredClaims{
			Subject: user, IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(life)), ID: "bench-" + user,
		}).SignedString([]byte(secret))
		if err != nil {
			return nil, fmt.Errorf("sign the token of user %s: %w", user, err)
		}
		bearers[i] = token
	}
	return bearers, nil
}

// at returns the user with a number from 0 on and the user's token.
func (b Bearers) at(number int) (user, token string) {
	return strconv.Itoa(Users + 1 + number), b[number]
}
