package auth

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"unicode"

	"userorder/disk"
)

// minSecret is the minimum length of a secret, in bytes: that of the hash (RFC 7518, section 3.2).
const minSecret = 32

// maxFile is the maximum length of a file that is taken for that of a secret, in bytes.
const maxFile = 64 << 10

// CheckSecret returns an error if a secret is too weak to sign tokens. The text continues a sentence that begins with
// the name of the secret.
func CheckSecret(secret []byte) error {
	switch {
	case len(trim(secret)) == 0:
		return errors.New("is empty")
	case string(secret) == "jwt-secret-string":
		return errors.New("is the tutorial's secret, which everybody knows")
	case 4*bytes.Count(secret, []byte{0}) >= len(secret): // random bytes have far fewer zeros
		return errors.New("is in UTF-16, so its bytes are not those of the same text elsewhere: save it in UTF-8")
	case len(secret) == 1:
		return fmt.Errorf("has 1 byte and needs at least %d", minSecret)
	case len(secret) < minSecret:
		return fmt.Errorf("has %d bytes and needs at least %d", len(secret), minSecret)
	}
	return nil
}

// Secret is the secret that signs tokens, and its source.
type Secret struct {
	Value  []byte
	Source string // for the log: "settings", "new file PATH" or "file PATH"

	// Exposed is the mode of the file's folder if other users can list or change the folder, and ExposedFile that of the
	// file if other users can read or change the file; else they are 0. Both are always 0 on Windows, and no folder further
	// up is looked at.
	Exposed, ExposedFile fs.FileMode
}

// trim drops white space, and a byte order mark, around a secret. An editor or a shell may leave them in a file, and
// the secret must have the same bytes as in a setting, from which they are dropped.
func trim(text []byte) []byte {
	return bytes.TrimFunc(text, func(char rune) bool { return unicode.IsSpace(char) || char == '\ufeff' })
}

// LoadSecret returns the secret of the settings, or that of the file at path if the settings have none. If there is no
// file either, it creates one that only its owner can read, with 32 random bytes in base64. Of several processes that
// do so at once one creates the file and all return its secret. LoadSecret blocks until the file is on disk.
func LoadSecret(fromSettings []byte, path string) (Secret, error) {
	if len(fromSettings) > 0 {
		return Secret{Value: fromSettings, Source: "settings"}, nil
	}
	value, created, err := fileSecret(path)
	if err != nil {
		return Secret{}, err
	}
	source := "file " + path
	if created {
		source = "new file " + path
	}
	return Secret{
		Value: value, Source: source, Exposed: exposed(filepath.Dir(path)), ExposedFile: ExposedFile(path),
	}, nil
}

// InspectSecret returns what LoadSecret would return of the file at path, but creates nothing: the error wraps fs.ErrNotExist
// if there is no file.
func InspectSecret(path string) (Secret, error) {
	value, err := readSecret(path)
	if err != nil {
		return Secret{}, err
	}
	return Secret{Value: value, Source: "file " + path, Exposed: exposed(filepath.Dir(path)), ExposedFile: ExposedFile(path)}, nil
}

// exposed returns the mode of a folder if other users can list or change it, else 0. Windows reports such a mode for any
// folder.
func exposed(folder string) fs.FileMode {
	info, err := os.Stat(folder)
	if err != nil || runtime.GOOS == "windows" || info.Mode().Perm()&0o066 == 0 {
		return 0
	}
	return info.Mode()
}

// ExposedFile returns the mode of the file at path, or of the file that it links to, if other users can read or change
// it, else 0. They need to enter its folder as well.
func ExposedFile(path string) fs.FileMode {
	real, err := filepath.EvalSymlinks(path)
	if err != nil || runtime.GOOS == "windows" {
		return 0
	}
	file, fileErr := os.Stat(real)
	folder, folderErr := os.Stat(filepath.Dir(real))
	if fileErr != nil || folderErr != nil {
		return 0
	}
	for _, class := range []struct{ readOrWrite, enter fs.FileMode }{{0o060, 0o010}, {0o006, 0o001}} { // group, others
		if file.Mode()&class.readOrWrite != 0 && folder.Mode()&class.enter != 0 {
			return file.Mode()
		}
	}
	return 0
}

// fileSecret returns the secret in the file at path, which it creates if there is none.
func fileSecret(path string) (secret []byte, created bool, err error) {
	secret, err = createSecret(path)
	if err == nil {
		return secret, true, nil
	}
	if !errors.Is(err, fs.ErrExist) {
		return nil, false, fmt.Errorf("create secret: %w", err)
	}
	secret, err = readSecret(path)
	return secret, false, err
}

// readSecret returns the secret in the file at path.
func readSecret(path string) (secret []byte, err error) {
	info, err := os.Stat(path)
	if err == nil && (!info.Mode().IsRegular() || info.Size() > maxFile) { // a pipe would block, a device never end
		return nil, fmt.Errorf("%s must be a regular file of at most %d bytes: JWT_SECRET_FILE may name a pipe", path, maxFile)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read secret: %w", err)
	}
	secret = trim(text)
	if err := CheckSecret(secret); err != nil {
		return nil, fmt.Errorf("%s %w; remove it for a new one, which logs everybody out", path, err)
	}
	return secret, nil
}

// createSecret returns a new secret that is on disk already. The error wraps fs.ErrExist if path exists.
func createSecret(path string) (secret []byte, err error) {
	random := make([]byte, minSecret)
	_, _ = rand.Read(random) // never fails
	secret = []byte(base64.RawURLEncoding.EncodeToString(random))
	return secret, disk.Create(path, func(file *os.File) error {
		_, err := file.Write(append(secret, '\n'))
		return err
	})
}
