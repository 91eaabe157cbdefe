// Package settings reads the settings of a program from its environment. Each reading method names a setting
// together with its default, its rule and its meaning, so that help, checks and values come from one
// place. It knows no other package and none of the settings.
package settings

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// ErrInvalid is wrapped by the error that [Reader.Err] returns.
var ErrInvalid = errors.New("wrong settings")

// Reader reads settings and collects their faults, so that one start shows them all. A setting that is empty
// counts as unset. The value of an invalid setting is unspecified: check Err first.
type Reader struct {
	ctx     context.Context   // ends the wait for a file
	environ map[string]string // trimmed
	faults  []error
	read    []Setting
	known   map[string]bool // names of variables that mean something
}

// Setting is one setting as it was read. It may be shown to anybody.
type Setting struct {
	Name    string
	Value   string // masked if it is a secret
	Source  string // "default", "environment", "file PATH" or the name of the setting that it falls back on
	Meaning string
}

// The sources of most settings.
const (
	fromDefault     = "default"
	fromEnvironment = "environment"
)

// Masked stands for a value that must not be shown.
const Masked = "***"

// NewReader returns a Reader of an environment such as [os.Environ] returns. It drops white space, and a byte order
// mark, around every value: an editor or a shell may leave them there without anybody seeing them. It stops waiting for
// files when ctx ends.
func NewReader(ctx context.Context, environ []string) *Reader {
	r := &Reader{ctx: ctx, environ: map[string]string{}, known: map[string]bool{}}
	for _, variable := range environ {
		name, value, _ := strings.Cut(variable, "=")
		r.environ[name] = trim(value)
	}
	return r
}

func trim(text string) string {
	return strings.TrimFunc(text, func(char rune) bool { return unicode.IsSpace(char) || char == '\ufeff' })
}

// get returns the value of a variable.
func (r *Reader) get(name string) string {
	r.known[name] = true
	return r.environ[name]
}

// Read returns the settings that were read so far, in the order of reading.
func (r *Reader) Read() []Setting { return r.read }

// Fault records what is invalid about a setting: the rest of a sentence that begins with its name.
func (r *Reader) Fault(name, format string, args ...any) {
	r.faults = append(r.faults, fmt.Errorf(name+" "+format+".", args...))
}

// Err returns nil, or an error that wraps ErrInvalid and has one sentence for each fault.
func (r *Reader) Err() error {
	if len(r.faults) == 0 {
		return nil
	}
	return fmt.Errorf("%w:\n%w", ErrInvalid, errors.Join(r.faults...))
}

// Lookup returns a variable that is not a setting of the program.
func (r *Reader) Lookup(name string) string { return r.get(name) }

// Text reads a setting as it stands.
func (r *Reader) Text(name, fallback, meaning string) string {
	value, source := r.get(name), fromEnvironment
	if value == "" {
		value, source = fallback, fromDefault
	}
	r.read = append(r.read, Setting{name, value, source, meaning})
	return value
}

// Fallback is what a setting is if it is not set.
type Fallback struct {
	Value  string
	Source string // the setting that Value comes from, "" for the default
}

// Secret reads a setting that may hold a secret. It may also stand in the file that NAME_FILE names, whose content is
// trimmed like a variable. Redact checks the value and returns the form in which it may be shown; a value that it refuses
// is masked, becomes a fault and is replaced by the fallback if there is one. Redact does not get an empty value.
func (r *Reader) Secret(name, meaning string, fallback Fallback, redact func(value string) (shown string, err error)) string {
	value, source := r.fileOrText(name)
	if value == "" {
		value, source = fallback.Value, cmp.Or(fallback.Source, fromDefault)
	}
	return r.redacted(name, meaning, value, source, fallback.Value, redact)
}

// Redacted reads a setting that may hold a secret but cannot stand in a file. It has no fallback.
func (r *Reader) Redacted(name, meaning string, redact func(value string) (shown string, err error)) string {
	value, source := r.get(name), fromEnvironment
	if value == "" {
		source = fromDefault
	}
	return r.redacted(name, meaning, value, source, "", redact)
}

func (r *Reader) redacted(name, meaning, value, source, fallback string, redact func(string) (string, error)) string {
	shown := ""
	if value != "" {
		var err error
		if shown, err = redact(value); err != nil {
			r.Fault(name, "%w", err)
			value, shown = cmp.Or(fallback, value), Masked
		}
	}
	r.read = append(r.read, Setting{name, shown, source, meaning})
	return value
}

// fileOrText reads a setting from the environment, or from the file that NAME_FILE names.
func (r *Reader) fileOrText(name string) (value, source string) {
	value, path := r.get(name), r.get(name+"_FILE")
	switch {
	case path == "":
		return value, fromEnvironment
	case value != "":
		r.Fault(name, "and %s_FILE are both set: one of them is enough", name)
		return value, fromEnvironment
	}
	source = "file " + path
	text, err := readFile(r.ctx, path)
	if err != nil {
		r.Fault(name+"_FILE", "names a file that %w", err)
		return "", source
	}
	return trim(string(text)), source
}
