package auth

import "time"

// EndedOf returns an empty list for a database with an issuer.
func EndedOf(issuer string) *Ended {
	return &Ended{issuer: issuer, now: time.Now, until: map[int64]int64{}}
}
