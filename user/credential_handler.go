package user

import (
	"github.com/gin-gonic/gin"

	"userorder/auth"
	"userorder/httpapi"
)

var msgChanged = httpapi.Text{ZH: "修改成功", EN: "changed"}

// changePassword serves POST /user/password.
func (h handler) changePassword(c *gin.Context) error {
	var body struct {
		Old string   `json:"old_password"`
		New password `json:"new_password"`
	}
	if err := httpapi.Bind(c, &body); err != nil {
		return err
	}
	granted, err := h.service.changePassword(c.Request.Context(), clientOf(c), auth.CallerOf(c), body.Old, body.New)
	if err != nil {
		return auth.Unauthorized(c, err)
	}
	return httpapi.OK(c, msgChanged, granted)
}

// changeEmail serves POST /user/email.
func (h handler) changeEmail(c *gin.Context) error {
	var body struct {
		Email    email  `json:"email"`
		Password string `json:"password"`
	}
	if err := httpapi.Bind(c, &body); err != nil {
		return err
	}
	err := h.service.changeEmail(c.Request.Context(), clientOf(c), auth.CallerOf(c).UserID, body.Password, body.Email)
	if err != nil {
		return err
	}
	return httpapi.OK(c, msgChanged, httpapi.Empty{})
}
