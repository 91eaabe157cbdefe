package auth

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"userorder/disk"
)

// minSecret is the least length of a secret: as long as the hash (RFC 7518, section 3.2).
const minSecret = 32

// CheckSecret reports why a secret must not sign tokens.
func CheckSecret(secret []byte) error {
	switch {
	case string(secret) == "jwt-secret-string":
		return errors.New("is the secret of the tutorial, which everybody knows")
	case len(secret) < minSecret:
		return fmt.Errorf("has %d bytes and needs at least %d", len(secret), minSecret)
	}
	return nil
}

// FileSecret returns the secret in the file at path. If there is no such file, it makes one for the eyes of
// its owner alone, with 32 random bytes in base64, and made is true; of several processes that do so at
// once one makes it.
func FileSecret(path string) (secret []byte, made bool, err error) {
	secret, err = createSecret(path)
	if err == nil {
		return secret, true, nil
	}
	if !errors.Is(err, fs.ErrExist) {
		return nil, false, fmt.Errorf("make secret: %w", err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, false, fmt.Errorf("read secret: %w", err)
	}
	secret = []byte(strings.TrimRight(string(text), "\r\n"))
	if err := CheckSecret(secret); err != nil {
		return nil, false, fmt.Errorf("%s %w; remove it for a new one, which logs everybody out", path, err)
	}
	return secret, false, nil
}

// createSecret puts a new secret on disk before anything can be signed with it. The error wraps fs.ErrExist if
// another process was first.
func createSecret(path string) (secret []byte, err error) {
	random := make([]byte, minSecret)
	_, _ = rand.Read(random) // never fails
	secret = []byte(base64.RawURLEncoding.EncodeToString(random))
	return secret, disk.Create(path, func(file *os.File) error {
		_, err := file.Write(append(secret, '\n'))
		return err
	})
}
