package database

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"userorder/disk"
)

// What paths have that are written for something else than SQLite.
var (
	drive      = regexp.MustCompile(`^[A-Za-z]:`)
	windows    = regexp.MustCompile(`^[A-Za-z]:|\\`)
	fromDrive  = regexp.MustCompile(`^/*[A-Za-z]:[/\\]`)
	share      = regexp.MustCompile(`^\\\\+[^\\]`)
	separators = regexp.MustCompile(`[/\\]+`)
	scheme     = regexp.MustCompile(`^(?i)(sqlite3?:)*(file:)?`)
	otherURL   = regexp.MustCompile(`^(?i)/*(jdbc|postgres|mysql|mariadb|mssql|oracle|mongodb|redis|https?)\w*(\+\w+)?:|[\w+.-]{2}://`)
	login      = regexp.MustCompile(`^/*[^/@:]+:.*@|^//[^/]*@`)
	unexpanded = regexp.MustCompile(`^(\.{0,2}[/\\])*~\w*([/\\]|$)|(^|[/\\])\$\w+|\$[({]\w+[)}]?|(^|[/\\])%\w+%([/\\]|$)|%[A-Za-z_]\w{2,}%`)
	template   = regexp.MustCompile(`[<>]|\{\{|#\{|%\(|(^|[/\\])\{[^/\\]*\}|^\[[^/\\]*\]$|^/*(PATH|FILE|FILENAME)$`)
	encoded    = regexp.MustCompile(`%[0-9A-Fa-f]{2}`)
)

// checkPath returns an error unless SQLite takes path literally and its author can have meant it so. SQLite would accept
// what it refuses, and make a new, empty database in a place where nobody looks for it. The error continues a sentence
// that begins with the name of a setting, and shows the form that is meant, which checkPath accepts.
func checkPath(path, goos string) error {
	if hasOtherURL(path) {
		return errors.New("is sqlite: and another URL: write sqlite:PATH, or the other URL alone")
	}
	if err := checkCharacters(path); err != nil {
		return err
	}
	meant, rooted := plain(path)
	switch {
	case strings.Trim(meant, "/") == "":
		return errors.New("needs the path of a file: sqlite:data/app.db")
	case template.MatchString(meant):
		return fmt.Errorf("is sqlite:%s, a placeholder: write the path of the file, such as sqlite:data/app.db", path)
	case unexpanded.MatchString(meant):
		return fmt.Errorf("is sqlite:%s, where no shell replaces %s: write the folder itself, such as sqlite:/home/NAME/app.db",
			path, strings.Trim(unexpanded.FindString(meant), `./\`))
	case encoded.MatchString(meant):
		return checkDecoded(path, meant, goos)
	case goos != "windows" && windows.MatchString(meant):
		return checkWindows(path, meant)
	case meant != path:
		return checkURI(path, meant, rooted, goos)
	case strings.HasSuffix(path, "/"), strings.HasSuffix(path, `\`):
		return fmt.Errorf("is sqlite:%s, a folder: name the file in it, sqlite:%sapp.db", path, path)
	}
	return nil
}

// hasOtherURL reports that a path is another kind of URL, or has a login as such a URL has. It may contain a password,
// so nothing of it may be shown.
func hasOtherURL(path string) bool {
	rest := scheme.ReplaceAllString(path, "")
	return otherURL.MatchString(rest) || login.MatchString(rest) && !fromDrive.MatchString(rest)
}

// checkCharacters refuses characters that are no part of a path: those that a quoted setting or a copied text leaves
// around it, those that nobody sees, and those of options.
func checkCharacters(path string) error {
	around := func(char rune) bool {
		return unicode.IsSpace(char) || strings.ContainsRune("'\"`‘’“”„«»", char)
	}
	if strings.Contains(path, ":memory:") || strings.ContainsAny(path, "?\x00") {
		return errors.New("takes the path of a file and no options: sqlite:data/app.db")
	}
	if strings.TrimFunc(path, around) != path {
		return errors.New("has quotes or blanks around the path, which would be part of its name: write sqlite:data/app.db")
	}
	for _, char := range path {
		joins := char == '\u200c' || char == '\u200d' // which are part of how some languages are written
		if unicode.IsControl(char) || unicode.Is(unicode.Cf, char) && !joins {
			return fmt.Errorf("has the character %U in the path, which nobody sees: write the path without it", char)
		}
	}
	return nil
}

// checkURI refuses a path that is written as in a URI.
func checkURI(path, meant, rooted, goos string) error {
	if err := checkPath(meant, goos); err != nil {
		return err
	}
	if rooted == "" || goos == "windows" {
		return fmt.Errorf("is sqlite:%s: write sqlite:%s", path, meant)
	}
	return fmt.Errorf("is sqlite:%s: write sqlite:%s, or sqlite:%s for a path from the root folder", path, meant, rooted)
}

// checkDecoded refuses a percent-encoded path, which SQLite would not decode.
func checkDecoded(path, meant, goos string) error {
	decoded, err := url.PathUnescape(meant)
	if err != nil || !utf8.ValidString(decoded) || checkPath(decoded, goos) != nil {
		return fmt.Errorf("is sqlite:%s, where %s is not decoded: write the character itself", path, encoded.FindString(meant))
	}
	return fmt.Errorf("is sqlite:%s, where %s is not decoded: write sqlite:%s", path, encoded.FindString(meant), decoded)
}

// checkWindows refuses a path of Windows on another system.
func checkWindows(path, meant string) error {
	slashed := separators.ReplaceAllString(drive.ReplaceAllString(meant, ""), "/")
	if strings.HasSuffix(slashed, "/") || slashed == "" {
		slashed += "app.db"
	}
	switch {
	case share.MatchString(meant):
		return fmt.Errorf("is sqlite:%s, a network path of Windows: mount the share and write its path here, "+
			"such as sqlite:/mnt/share/app.db", path)
	case drive.MatchString(meant):
		return fmt.Errorf("is sqlite:%s, a path of Windows: on this system write sqlite:%s", path, slashed)
	}
	return fmt.Errorf(`is sqlite:%s, where \ separates no folders on this system: write sqlite:%s`, path, slashed)
}

// plain returns the path that is meant by a path as other programs write it: a URI (https://www.sqlite.org/uri.html), or
// what follows sqlite: in a URL of SQLAlchemy, where three slashes precede a relative path. Many believe that to be an
// absolute one, so rooted is that reading.
func plain(path string) (meant, rooted string) {
	rest := scheme.ReplaceAllString(path, "")
	isURI := strings.HasSuffix(strings.ToLower(path[:len(path)-len(rest)]), "file:")
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
	for _, suffix := range []string{"", "-wal", "-shm", "-journal", "-lock", restoring} {
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
		if file := disk.NoFolder(path); file != "" {
			return fmt.Errorf("%s is a file and no folder: name another path", file)
		}
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
func SameFile(one, other string) bool {
	path, ok := SQLitePath(one)
	otherPath, otherOK := SQLitePath(other)
	return ok && otherOK && realPath(path) == realPath(otherPath)
}

// realPath returns the absolute path of a file, which need not exist, without symbolic links.
func realPath(path string) string {
	if absolute, err := filepath.Abs(path); err == nil {
		path = absolute
	}
	const maxLinks = 40 // as Linux has it
	for range maxLinks {
		if target, err := filepath.EvalSymlinks(path); err == nil {
			return target
		}
		if folder, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
			path = filepath.Join(folder, filepath.Base(path))
		}
		target, err := os.Readlink(path)
		if err != nil {
			break
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(path), target)
		}
		path = target
	}
	return path
}
