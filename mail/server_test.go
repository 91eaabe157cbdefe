package mail

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAnSMTPURLIsRead(t *testing.T) {
	for text, want := range map[string]Server{
		"smtp://smtp.shop.example":                        {host: "smtp.shop.example", port: 587},
		"SMTP://smtp.shop.example:25":                     {host: "smtp.shop.example", port: 25},
		"smtps://smtp.shop.example":                       {host: "smtp.shop.example", port: 465, implicitTLS: true},
		"smtps://u:p@smtp.shop.example:1465":              {"smtp.shop.example", "u", "p", 1465, true},
		"smtp://no-reply%40shop.example:p%2F%3F%23%25@h:": {"h", "no-reply@shop.example", "p/?#%", 587, false},
		"smtp://u:p@ss:word@h":                            {"h", "u", "p@ss:word", 587, false},
		"smtp://u:p@[::1]:2525":                           {"::1", "u", "p", 2525, false},
	} {
		server, err := ParseURL(text)
		require.NoError(t, err, text)
		require.Equal(t, want, server, text)
	}
}

func TestAnSMTPURLThatIsRefusedIsNotRepeated(t *testing.T) {
	for text, want := range map[string]error{
		"": errForm, "smtp:": errForm, "smtp://": errForm, "smtp://:25": errForm, "smtp.hunter2.example:587": errForm,
		"hunter2:hunter2@hunter2:25": errForm, "http://hunter2": errForm, "://hunter2": errForm, "smtp:hunter2": errForm,
		"smtp://hunter2:hunter2": errForm, "smtp://u:hunter2@": errForm, "smtp://u:hunter2%@h": errForm, "smtp://u:hunt er2@h": errForm,
		"smtp://u:hunter2\n@h": errForm, "smtp://hunter2$": errForm, "smtp://u:hunter2@[::1": errForm, "smtp://hunter2é": errForm,
		"smtp://u:hunter2@unix%3A": errForm, "smtp://h:-1": errForm,
		"smtp://u:hunter2/@h": errExtra, "smtp://u:hunter2?@h": errExtra, "smtp://u:hunter2#@h": errExtra, "smtp://h/": errExtra,
		"smtp://h:587/hunter2": errExtra, "smtps://h?hunter2=1": errExtra, "smtps://h#": errExtra,
		"smtp://hunter2@h": errLogin, "smtp://:hunter2@h": errLogin, "smtp://hunter2:@h": errLogin, "smtp://@h": errLogin,
		"smtp://h:0": errPort, "smtp://u:hunter2@h:65536": errPort,
	} {
		server, err := ParseURL(text)
		require.Equal(t, want, err, "%q", text)
		require.NotContains(t, err.Error(), "hunter2")
		require.Zero(t, server)
		_, err = Redact(text)
		require.Equal(t, want, err)
	}
}

func TestAPasswordIsNeverPrinted(t *testing.T) {
	for text, want := range map[string]string{
		"smtp://u:hunter2@h":                    "smtp://u:***@h:587",
		"smtps://u%40h:hunter2@[2001:db8::1]:1": "smtps://u%40h:***@[2001:db8::1]:1",
		"smtp://h":                              "smtp://h:587",
	} {
		shown, err := Redact(text)
		require.NoError(t, err)
		require.Equal(t, want, shown)

		server, err := ParseURL(text)
		require.NoError(t, err)
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("start", "server", server, "config", Config{Server: server})
		slog.New(slog.NewJSONHandler(&log, nil)).Info("start", "server", server, "config", Config{Server: server})
		printed := fmt.Sprintf("%v %+v %#v %s %q %v", server, server, server, server, server, Config{Server: server}) + log.String()
		require.Equal(t, 9, strings.Count(printed, want), printed)
		require.NotContains(t, printed, "hunter2")
	}
}

func TestOnlyAHostThatIsLoopbackByItsTextGoesWithoutTLS(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "LocalHost": true, "127.0.0.1": true, "127.8.8.8": true, "[::1]": true,
		"localhost.": false, "localhost.shop.example": false, "127.0.0.1.shop.example": false, "127.1": false, "[::]": false,
		"0.0.0.0": false, "10.0.0.1": false, "128.0.0.1": false, "smtp": false,
	} {
		server, err := ParseURL("smtp://" + host)
		require.NoError(t, err)
		require.Equal(t, want, server.isLoopback(), host)
	}
}
