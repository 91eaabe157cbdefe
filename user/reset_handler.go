package user

import (
	"log/slog"

	"github.com/gin-gonic/gin"

	"userorder/httpapi"
)

var (
	msgMailed = httpapi.Text{ZH: "如果账户存在，邮件已发送", EN: "if the account exists, a mail was sent"}
	msgReset  = httpapi.Text{ZH: "重置成功", EN: "reset"}
)

// forgot serves POST /user/password/forgot.
func (h handler) forgot(c *gin.Context) error {
	var body struct {
		Username username `json:"username"`
	}
	if err := httpapi.Bind(c, &body); err != nil {
		return err
	}
	if err := h.service.forgot(body.Username, httpapi.InWords(c)); err != nil {
		return err
	}
	return httpapi.OK(c, msgMailed, httpapi.Empty{})
}

// reset serves POST /user/password/reset.
func (h handler) reset(c *gin.Context) error {
	var body struct {
		Token string   `json:"token"`
		New   password `json:"new_password"`
	}
	if err := httpapi.Bind(c, &body); err != nil {
		return err
	}
	account, err := h.service.reset(c.Request.Context(), clientOf(c), body.Token, body.New)
	if account != 0 {
		httpapi.Annotate(c, slog.Int64("account", account))
	}
	if err != nil {
		return err
	}
	return httpapi.OK(c, msgReset, httpapi.Empty{})
}
