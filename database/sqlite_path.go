package database

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"userorder/disk"
)

var (
	drive      = regexp.MustCompile(`^[A-Za-z]:`)
	unexpanded = regexp.MustCompile(`^~\w*([/\\]|$)|(^|[/\\])(\$[({]?\w+[)}]?|%\w+%)`)
)

// checkPath returns an error unless SQLite takes path literally and its author can have meant it so. SQLite would accept
// what it refuses, and make a new, empty database in a place where nobody looks for it. The error continues a sentence
// that begins with the name of a setting, and shows the form that is meant.
func checkPath(path, goos string) error {
	meant, rooted := plain(path)
	windows := goos == "windows"
	slashed := strings.ReplaceAll(drive.ReplaceAllString(meant, ""), `\`, "/")
	switch {
	case strings.Trim(meant, "/") == "":
		return errors.New("needs the path of a file: sqlite:data/app.db")
	case strings.Contains(path, ":memory:"), strings.ContainsAny(path, "?\x00"):
		return errors.New("takes the path of a file and no options: sqlite:data/app.db")
	case strings.Trim(path, "'\" \t\r\n") != path:
		return errors.New("has quotes or blanks around the path, which would be part of its name: write sqlite:data/app.db")
	case unexpanded.MatchString(meant):
		return fmt.Errorf("is sqlite:%s, where no shell replaces %s: write the folder itself, such as sqlite:/home/NAME/app.db",
			path, strings.Trim(unexpanded.FindString(meant), `/\`))
	case !windows && drive.MatchString(meant):
		return fmt.Errorf("is sqlite:%s, a path of Windows: on this system write sqlite:%s", path, slashed)
	case !windows && strings.Contains(meant, `\`):
		return fmt.Errorf(`is sqlite:%s, where \ separates no folders on this system: write sqlite:%s`, path, slashed)
	case meant != path && (rooted == "" || windows):
		return fmt.Errorf("is sqlite:%s: write sqlite:%s", path, meant)
	case meant != path:
		return fmt.Errorf("is sqlite:%s: write sqlite:%s, or sqlite:%s for a path from the root folder", path, meant, rooted)
	case strings.HasSuffix(path, "/"), strings.HasSuffix(path, `\`):
		return fmt.Errorf("is sqlite:%s, a folder: name the file in it, sqlite:%sapp.db", path, path)
	}
	return nil
}

// plain returns the path that is meant by a path as other programs write it: a URI (https://www.sqlite.org/uri.html), or
// what follows sqlite: in a URL of SQLAlchemy, where three slashes precede a relative path. Many believe that to be an
// absolute one, so rooted is that reading.
func plain(path string) (meant, rooted string) {
	rest, isURI := strings.CutPrefix(path, "file:")
	name := strings.TrimLeft(rest, "/")
	switch slashes := len(rest) - len(name); {
	case slashes < 2:
		return rest, ""
	case slashes == 2:
		return name, ""
	case slashes == 3 && !isURI, drive.MatchString(name):
		return name, "/" + name
	}
	return "/" + name, ""
}

// requireRegular returns an error if the file at path, or one that SQLite or the lock would use beside it, is anything
// but a regular file, such as a device or a pipe, also behind links. Opening a pipe would block, and nothing of a device
// may be changed, not even its permissions. Files that do not exist are fine.
func requireRegular(path string) error {
	for _, suffix := range []string{"", "-wal", "-shm", "-journal", "-lock"} {
		info, err := os.Stat(path + suffix)
		if err != nil || info.Mode().IsRegular() {
			continue
		}
		name := "it"
		if suffix != "" {
			name = "its " + suffix
		}
		return fmt.Errorf("%s is %s and must be a regular file: name another path", name, kindOf(info.Mode()))
	}
	return nil
}

// kindOf names what is no regular file.
func kindOf(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "a folder"
	case mode&fs.ModeDevice != 0:
		return "a device"
	case mode&fs.ModeNamedPipe != 0:
		return "a pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	}
	return "something else"
}

// makeFolder creates the folder at path, for its owner alone, unless it exists. It creates no more than one: where
// several are missing the path is more likely to be misspelled, or on a disk that is not mounted.
func makeFolder(path string) error {
	switch missing := disk.MissingFolder(path); missing {
	case "":
		return nil
	case path:
		if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("%w: %w", err, errNoAccess)
		}
		return nil
	default:
		return fmt.Errorf("there is no folder %s: make it, or name another path", missing)
	}
}

// RequireFile returns an error if url names a SQLite file that does not exist: Open would create it.
func RequireFile(url string) error {
	path, ok := SQLitePath(url)
	if !ok {
		return nil
	}
	_, err := os.Stat(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	folder, wdErr := os.Getwd()
	if filepath.IsAbs(path) || wdErr != nil {
		return fmt.Errorf("there is no file %s: name another path", path)
	}
	return fmt.Errorf("there is no file %s in %s: name another path, or start in another folder", path, folder)
}

// SameFile reports whether two database URLs name the same SQLite file, perhaps by different paths.
func SameFile(url, other string) bool {
	path, ok := SQLitePath(url)
	otherPath, otherOK := SQLitePath(other)
	return ok && otherOK && realPath(path) == realPath(otherPath)
}

// realPath returns the absolute path of a file, which need not exist, without symbolic links.
func realPath(path string) string {
	if absolute, err := filepath.Abs(path); err == nil {
		path = absolute
	}
	if target, err := filepath.EvalSymlinks(path); err == nil {
		return target
	}
	if folder, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
		return filepath.Join(folder, filepath.Base(path))
	}
	return path
}
