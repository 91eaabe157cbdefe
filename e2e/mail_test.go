//go:build unix

package e2e

import (
	"bytes"
	"encoding/base64"
	"io"
	"log"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"
)

// mailbox is a mail server on this machine that takes everything.
type mailbox struct {
	address string
	mails   chan string // as they came
}

func newMailbox(t *testing.T) mailbox {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	box := mailbox{address: listener.Addr().String(), mails: make(chan string, 100)}
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return box, nil }))
	server.ErrorLog = log.New(io.Discard, "", 0)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return box
}

func (mailbox) Mail(string, *smtp.MailOptions) error { return nil }
func (mailbox) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (mailbox) Reset()                               {}
func (mailbox) Logout() error                        { return nil }
func (b mailbox) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	b.mails <- string(text)
	return err
}

// next returns the recipient and the decoded text of the next mail.
func (b mailbox) next(t *testing.T) (to, text string) {
	t.Helper()
	select {
	case raw := <-b.mails:
		message, err := mail.ReadMessage(strings.NewReader(raw))
		require.NoError(t, err)
		body := message.Body
		switch strings.ToLower(message.Header.Get("Content-Transfer-Encoding")) {
		case "quoted-printable":
			body = quotedprintable.NewReader(body)
		case "base64":
			body = base64.NewDecoder(base64.StdEncoding, body)
		}
		decoded, err := io.ReadAll(body)
		require.NoError(t, err)
		return message.Header.Get("To"), string(bytes.ReplaceAll(decoded, []byte("\r\n"), []byte("\n")))
	case <-time.After(20 * time.Second):
		require.FailNow(t, "no mail came")
		return "", ""
	}
}

// mailing returns the settings of a service that sends its mails to an address.
func mailing(address string) []string {
	return []string{"SMTP_URL=smtp://" + address, "MAIL_FROM=Shop <shop@example.com>", "RESET_URL=https://shop.example.com/reset?token={token}"}
}

var resetLink = regexp.MustCompile(`https://shop\.example\.com/reset\?token=(\S+)`)

const forgotten = "如果账户存在，邮件已发送"

func TestAForgottenPasswordIsResetByMail(t *testing.T) {
	t.Parallel()
	box := newMailbox(t)
	p := start(t, t.TempDir(), mailing(box.address)...)
	base := p.url(t)
	session := begin(t, base)
	require.Equal(t, forgotten, send("POST", base+"/user/password/forgot", "", `{"username":"nobody"}`).Msg)
	require.Equal(t, forgotten, send("POST", base+"/user/password/forgot", "", `{"username":"test"}`).Msg)
	to, text := box.next(t)
	require.Equal(t, "<test@test.com>", to)
	token := resetLink.FindStringSubmatch(text)
	require.NotNil(t, token, text)
	answer := send("POST", base+"/user/password/reset", "", `{"token":"`+token[1]+`","new_password":"test456"}`)
	require.Equal(t, "重置成功", answer.Msg)
	require.Equal(t, 401, send("GET", base+"/user/info", session.Token, "").status)
	require.True(t, send("POST", base+"/user/login", "", `{"username":"test","password":"test456"}`).ok())
	require.Equal(t, "链接无效或已过期", send("POST", base+"/user/password/reset", "", `{"token":"`+token[1]+`","new_password":"test456"}`).Msg)
	p.stop(t)
	for _, private := range []string{token[1], "test@test.com", "shop.example.com/reset", "test456", session.RefreshToken} {
		require.NotContains(t, said(t, p.stdout), private)
	}
	require.Empty(t, box.mails, "nobody has got a mail")
}

// The server takes connections and never says a word.
func TestAMailServerThatHangsHoldsUpNoRequestAndNoStop(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = silent.Close() })
	p := start(t, t.TempDir(), mailing(silent.Addr().String())...)
	base := p.url(t)
	login(t, base)
	for range 20 {
		began := time.Now()
		require.Equal(t, forgotten, send("POST", base+"/user/password/forgot", "", `{"username":"test"}`).Msg)
		require.Less(t, time.Since(began), time.Second)
	}
	began := time.Now()
	p.stop(t)
	require.Less(t, time.Since(began), 8*time.Second)
	require.Contains(t, said(t, p.stdout), `level=WARN msg="mails not sent at shutdown" count=`)
	require.NotContains(t, said(t, p.stdout), "test@test.com")
}

func TestAMailThatTheServerRefusesIsLoggedWithoutAddressOrLink(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return refusing{}, nil }))
	server.ErrorLog = log.New(io.Discard, "", 0)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	p := start(t, t.TempDir(), mailing(listener.Addr().String())...)
	base := p.url(t)
	login(t, base)
	require.Equal(t, forgotten, send("POST", base+"/user/password/forgot", "", `{"username":"test"}`).Msg)
	require.Eventually(t, func() bool { return strings.Contains(said(t, p.stdout), `msg="mail refused" status=550`) },
		20*time.Second, 20*time.Millisecond)
	require.NotContains(t, said(t, p.stdout), "test@test.com")
}

type refusing struct{ mailbox }

func (refusing) Rcpt(to string, _ *smtp.RcptOptions) error {
	return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such user " + to}
}
