package user

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// cheap is a low cost, for tests of other things.
var cheap = argon2id{memory: 64, passes: 1, threads: 1}

// The hash is one of the reference implementation's own tests: echo -n password | argon2 somesalt -id -t 2 -k 65536 -p 1.
func TestAHashOfTheReferenceImplementationVerifies(t *testing.T) {
	const encoded = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	ok, _, err := newHasher(1, true).verify(t.Context(), alice, "password", encoded)
	require.NoError(t, err)
	require.True(t, ok)
}

func TestDecodeRefusesInvalidAndExpensiveHashes(t *testing.T) {
	const salt, key = "MDEyMzQ1Njc4OWFiY2RlZg", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"
	_, _, _, err := decode("$argon2id$v=19$m=64,t=1,p=1$" + salt + "$" + key)
	require.NoError(t, err)
	for name, encoded := range map[string]string{
		"nothing":                      "",
		"a plain password":             "test123",
		"another algorithm":            "$argon2i$v=19$m=64,t=1,p=1$" + salt + "$" + key,
		"another version":              "$argon2id$v=16$m=64,t=1,p=1$" + salt + "$" + key,
		"no passes":                    "$argon2id$v=19$m=64,t=0,p=1$" + salt + "$" + key,
		"no threads":                   "$argon2id$v=19$m=64,t=1,p=0$" + salt + "$" + key,
		"a million passes":             "$argon2id$v=19$m=64,t=1000000,p=1$" + salt + "$" + key,
		"a terabyte of memory":         "$argon2id$v=19$m=1073741824,t=1,p=1$" + salt + "$" + key,
		"less memory than the minimum": "$argon2id$v=19$m=7,t=1,p=1$" + salt + "$" + key,
		"a negative cost":              "$argon2id$v=19$m=-64,t=1,p=1$" + salt + "$" + key,
		"no salt":                      "$argon2id$v=19$m=64,t=1,p=1$$" + key,
		"no key":                       "$argon2id$v=19$m=64,t=1,p=1$" + salt + "$",
		"a key of one byte":            "$argon2id$v=19$m=64,t=1,p=1$" + salt + "$MA",
		"one part too many":            "$argon2id$v=19$m=64,t=1,p=1$" + salt + "$" + key + "$" + key,
		"invalid base64":               "$argon2id$v=19$m=64,t=1,p=1$" + salt + "$" + strings.Repeat("!", 43),
	} {
		t.Run(name, func(t *testing.T) {
			_, _, _, err := decode(encoded)
			require.ErrorIs(t, err, errHash)
		})
	}
}
