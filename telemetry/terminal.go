package telemetry

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"unicode"

	"github.com/lmittmann/tint"
	"github.com/mattn/go-isatty"
)

// IsTerminal reports whether w is a terminal.
func IsTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && isatty.IsTerminal(file.Fd())
}

func newTerminalHandler(cfg LogConfig, w io.Writer) slog.Handler {
	return requestHandler{tint.NewTextHandler(w, &tint.Options{
		Level: cfg.Level, TimeFormat: "15:04:05.000", NoColor: cfg.NoColor, ReplaceAttr: forTerminal,
	})}
}

// forTerminal spells out all control characters: tint passes escape sequences on, a client's too. It quotes values
// with a line break but no messages, which are padded to one length.
func forTerminal(_ []string, attr slog.Attr) slog.Attr {
	text := attr.Value.String()
	switch _, isError := attr.Value.Any().(error); {
	case attr.Key == slog.MessageKey:
		return slog.String(attr.Key, fmt.Sprintf("%-9s", spellOut(text, unicode.IsControl)))
	case attr.Value.Kind() == slog.KindString, isError:
		return slog.String(attr.Key, spellOut(text, func(char rune) bool {
			return char != '\n' && char != '\t' && unicode.IsControl(char)
		}))
	}
	return attr
}
