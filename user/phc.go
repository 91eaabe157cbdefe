package user

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// argon2id holds the cost parameters of a hash (RFC 9106).
type argon2id struct {
	memory  uint32 // KiB
	passes  uint32
	threads uint8
}

// current is the cost of new hashes, as OWASP's Password Storage Cheat Sheet recommends it.
var current = argon2id{memory: 19456, passes: 2, threads: 1}

const saltLength, keyLength = 16, 32 // bytes

// key derives a key of length bytes from a password. It blocks for the whole computation.
func (a argon2id) key(password string, salt []byte, length int) []byte {
	return argon2.IDKey([]byte(password), salt, a.passes, a.memory, a.threads, uint32(length)) //nolint:gosec // decode bounds it
}

// phc begins a PHC string, the format in which other programs keep hashes, too:
// https://github.com/P-H-C/phc-string-format/blob/master/phc-sf-spec.md
const phc = "$argon2id$v=%d$m=%d,t=%d,p=%d$"

var base64PHC = base64.RawStdEncoding.Strict()

// encode returns the PHC string of a hash.
func encode(a argon2id, salt, key []byte) string {
	return fmt.Sprintf(phc, argon2.Version, a.memory, a.passes, a.threads) +
		base64PHC.EncodeToString(salt) + "$" + base64PHC.EncodeToString(key)
}

var errHash = errors.New("not the PHC string of an argon2id hash within bounds")

// decode parses a PHC string, or returns errHash. The bounds keep a row that was tampered with from exhausting the memory
// or making argon2 panic.
func decode(encoded string) (a argon2id, salt, key []byte, err error) {
	var version int
	if _, err := fmt.Sscanf(encoded, phc, &version, &a.memory, &a.passes, &a.threads); err != nil {
		return a, nil, nil, errHash
	}
	parts := strings.Split(encoded, "$")
	if len(parts) != 6 || version != argon2.Version {
		return a, nil, nil, errHash
	}
	salt, saltErr := base64PHC.DecodeString(parts[4])
	key, keyErr := base64PHC.DecodeString(parts[5])
	switch {
	case saltErr != nil, keyErr != nil, len(salt) < 8, len(salt) > 64, len(key) < 16, len(key) > 64,
		a.memory < 8*uint32(a.threads), a.memory > 1<<20, a.passes < 1, a.passes > 16, a.threads < 1, a.threads > 16:
		return a, nil, nil, errHash
	}
	return a, salt, key, nil
}
