package mail

import (
	"bytes"
	"io"
	"mime"
	"mime/quotedprintable"
	netmail "net/mail"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAnAddressIsReadAlone(t *testing.T) {
	for text, want := range map[string]netmail.Address{
		"no-reply@shop.example":                {Address: "no-reply@shop.example"},
		"Shop <no-reply@shop.example>":         {Name: "Shop", Address: "no-reply@shop.example"},
		`"订单, 通知" <no-reply@shop.example>`:     {Name: "订单, 通知", Address: "no-reply@shop.example"},
		"=?utf-8?q?=E8=AE=A2=E5=8D=95?= <a@b>": {Name: "订单", Address: "a@b"},
		"用户@例子.广告":                             {Address: "用户@例子.广告"},
		`"a> SIZE=1"@b.example`:                {Address: "a> SIZE=1@b.example"},
	} {
		address, err := ParseAddress(text)
		require.NoError(t, err, text)
		require.Equal(t, want, address)
	}
	for _, text := range []string{
		"", "shop", "@shop.example", "a@", "a@b, c@d", "a@b c@d", "Shop: a@b, c@d;", "Shop <a@b", "a@b\r\nBcc: c@d", "a@b\n", "\ta@b",
		"Shop\r\n <a@b>", "\"a\\\rb\"@c", "a\x00@b", "\xff@b", "=?utf-8?b?U2hvcA0KQmNjOiBjQGQ=?= <a@b>",
	} {
		address, err := ParseAddress(text)
		require.Equal(t, errAddress, err, "%q", text)
		require.Zero(t, address)
	}
}

// read returns a message as its recipient sees it.
func read(t *testing.T, raw string) (header netmail.Header, subject, text string) {
	t.Helper()
	message, err := netmail.ReadMessage(strings.NewReader(raw))
	require.NoError(t, err)
	subject, err = new(mime.WordDecoder).DecodeHeader(message.Header.Get("Subject"))
	require.NoError(t, err)
	kind, parameters, err := mime.ParseMediaType(message.Header.Get("Content-Type"))
	require.NoError(t, err)
	require.Equal(t, "text/plain UTF-8", kind+" "+parameters["charset"])
	require.Equal(t, "quoted-printable", message.Header.Get("Content-Transfer-Encoding"))
	body, err := io.ReadAll(quotedprintable.NewReader(message.Body))
	require.NoError(t, err)
	return message.Header, subject, strings.ReplaceAll(string(body), "\r\n", "\n")
}

// composed returns a message as it goes over the wire.
func composed(t *testing.T, from string, message *Message) string {
	t.Helper()
	address, err := ParseAddress(from)
	require.NoError(t, err)
	m, err := compose(address, message)
	require.NoError(t, err)
	var raw bytes.Buffer
	_, err = m.WriteTo(&raw)
	require.NoError(t, err)
	return raw.String()
}

func TestAMessageHasTheHeadersOfAnAutomaticMail(t *testing.T) {
	raw := composed(t, `"订单, 通知" <no-reply@shop.example>`, &Message{To: "ann@mail.example", Subject: "Hello", Text: "Hi"})
	header, subject, text := read(t, raw)
	require.Equal(t, "Hello", subject)
	require.Equal(t, "Hi", text)
	require.Equal(t, "auto-generated", header.Get("Auto-Submitted"))
	require.Equal(t, "1.0", header.Get("MIME-Version"))
	require.Regexp(t, `^<[A-Z2-7]{26}@shop\.example>$`, header.Get("Message-ID"))
	date, err := header.Date()
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), date, time.Minute)
	from, err := header.AddressList("From")
	require.NoError(t, err)
	require.Equal(t, []*netmail.Address{{Name: "订单, 通知", Address: "no-reply@shop.example"}}, from)
	to, err := header.AddressList("To")
	require.NoError(t, err)
	require.Equal(t, []*netmail.Address{{Address: "ann@mail.example"}}, to)
	require.Len(t, header, 9, "another header tells something")
}

func TestTextsArriveAsTheyWereWritten(t *testing.T) {
	for _, text := range []string{
		"", "订单已取消", "您好：\n\n您的订单 #1 已创建。\n\n.\n..\nFrom me\n=3D = \ttab\n", strings.Repeat("订单", 5000), "😀 é \u2028 x", "a \nb\t\nc",
	} {
		subject := strings.Map(func(char rune) rune { return map[bool]rune{true: ' ', false: char}[char < ' '] }, text)
		raw := composed(t, "a@b.example", &Message{To: "c@d.example", Subject: subject, Text: text})
		_, gotSubject, gotText := read(t, raw)
		require.Equal(t, strings.TrimSpace(subject), strings.TrimSpace(gotSubject))
		require.Equal(t, text, gotText)
		for line := range strings.SplitSeq(raw, "\r\n") {
			require.LessOrEqual(t, len(line), 100, line)
			require.True(t, isASCII(line), line)
			require.NotContains(t, line, "\n")
		}
	}
	_, _, text := read(t, composed(t, "a@b.example", &Message{To: "c@d.example", Text: "a\xff\r\nb"}))
	require.Equal(t, "a\ufffd\nb", text)
}

func TestAMessageThatCouldCarryHeadersOfItsOwnIsRefused(t *testing.T) {
	from := netmail.Address{Address: "a@b.example"}
	for name, message := range map[string]Message{
		"a second header after the recipient": {To: "c@d.example\r\nBcc: e@f.example", Subject: "x"},
		"a line break in a quoted recipient":  {To: "\"c\r\nBcc: e@f.example\"@d.example", Subject: "x"},
		"a line break in an encoded name":     {To: "=?utf-8?b?U2hvcA0KQmNjOiBjQGQ=?= <c@d.example>", Subject: "x"},
		"two recipients":                      {To: "c@d.example, e@f.example", Subject: "x"},
		"no recipient":                        {Subject: "x"},
		"a second header after the subject":   {To: "c@d.example", Subject: "x\r\nBcc: e@f.example"},
		"a bare line feed in the subject":     {To: "c@d.example", Subject: "x\nBcc: e@f.example"},
		"a bare carriage return":              {To: "c@d.example", Subject: "x\rBcc: e@f.example"},
		"a control character of Latin 1":      {To: "c@d.example", Subject: "x\u0085Bcc: e@f.example"},
		"a subject that is not UTF-8":         {To: "c@d.example", Subject: "x\xff"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := compose(from, &message)
			var failed *failure
			require.ErrorAs(t, err, &failed)
			require.True(t, failed.permanent)
			require.NotContains(t, failed.reason, "example")
		})
	}
	raw := composed(t, "a@b.example", &Message{To: "c@d.example", Subject: "=?utf-8?q?x=0D=0ABcc:_e@f.example?=", Text: "\r\n.\r\nBcc: e@f"})
	header, _, _ := read(t, raw)
	require.Empty(t, header.Get("Bcc"))
}

func TestTheMessageIDIsASCII(t *testing.T) {
	header, _, _ := read(t, composed(t, "用户@例子.广告", &Message{To: "c@d.example"}))
	require.Regexp(t, `^<[A-Z2-7]{26}@mail\.invalid>$`, header.Get("Message-ID"))
}
