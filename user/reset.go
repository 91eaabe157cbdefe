package user

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"time"

	"userorder/httpapi"
)

var (
	errLink   = httpapi.NewBusinessError(httpapi.Text{ZH: "链接无效或已过期", EN: "the link is invalid or has expired"})
	errNoMail = httpapi.NewError(http.StatusNotImplemented,
		httpapi.Text{ZH: "未配置邮件服务，请联系管理员", EN: "no mail server is set up, ask the operator"})
	errMailBusy = httpapi.NewError(http.StatusServiceUnavailable,
		httpapi.Text{ZH: "服务繁忙，请稍后重试", EN: "busy, try again later"}).After(30 * time.Second)
)

// A link in a mail is good for resetLife. In an hour an account gets maxResets of them, and an address, which many accounts
// may name, maxMails.
const (
	resetLife   = 30 * time.Minute
	maxResets   = 3
	maxMails    = 10
	resetWindow = time.Hour
)

// Mail is a plain text for one address.
type Mail struct {
	To, Subject, Text string
}

// WriteMail writes a mail when its turn has come. It returns nil if there is nothing to send.
type WriteMail func(context.Context) (*Mail, error)

var (
	resetSubject = httpapi.Text{ZH: "重置密码", EN: "Reset your password"}
	resetText    = httpapi.Text{ // without the name, which a stranger may have chosen for somebody else's address
		ZH: "您好：\n\n有人请求重置您的密码。如果是您本人，请在 30 分钟内打开以下链接：\n\n{link}\n\n" +
			"链接只能使用一次。如果不是您，请忽略此邮件，您的密码没有改变。\n",
		EN: "Hello,\n\nSomebody has asked to reset your password. If it was you, open this link within 30 minutes:\n\n{link}\n\n" +
			"The link works once. If it was not you, ignore this mail: your password has not changed.\n",
	}
)

// forgot queues a mail with a link that sets a new password for the account with a name, if there is one. It looks for
// the account when the mail's turn has come, so that the answer takes the same time for any name. It returns errNoMail,
// or errMailBusy if the queue is full.
func (s *service) forgot(name username, inWords func(httpapi.Text) string) error {
	if s.mail == nil {
		return errNoMail
	}
	queued := s.mail(func(ctx context.Context) (*Mail, error) {
		stored, err := s.store.credentials(ctx, name)
		if errors.Is(err, errNotFound) || err == nil && stored.disabled {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		token := base64.RawURLEncoding.EncodeToString(random(32))
		to, err := s.store.addReset(ctx, stored.id, hashOf(token), s.now())
		if err != nil || to == "" {
			return nil, err
		}
		link := strings.ReplaceAll(s.resetURL, "{token}", token)
		text := strings.ReplaceAll(inWords(resetText), "{link}", link)
		return &Mail{To: to, Subject: inWords(resetSubject), Text: text}, nil
	})
	if !queued {
		return errMailBusy
	}
	return nil
}

// reset sets a new password by the token of a mail. It ends all sessions and forgets the failures of the account. It
// returns errLink unless the token is good.
func (s *service) reset(ctx context.Context, from client, token string, plain password) (account int64, err error) {
	account, err = s.store.resetOf(ctx, hashOf(token), s.now())
	if err != nil {
		return 0, err
	}
	hash, err := s.hasher.hash(ctx, from.network, string(plain))
	if err != nil {
		return 0, err
	}
	return account, s.store.reset(ctx, account, hashOf(token), hash, from)
}
