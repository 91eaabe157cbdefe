package user

import (
	"errors"
	"log/slog"

	"github.com/gin-gonic/gin"

	"userorder/auth"
	"userorder/httpapi"
)

var (
	msgRegistered = httpapi.Text{ZH: "注册成功", EN: "registered"}
	msgLoggedIn   = httpapi.Text{ZH: "登录成功", EN: "logged in"}
)

type handler struct {
	service *service
}

// register serves POST /user/register.
func (h handler) register(c *gin.Context) error {
	var body struct {
		Username username `json:"username"`
		Password password `json:"password"`
		Email    email    `json:"email"`
	}
	if err := httpapi.Bind(c, &body); err != nil {
		return err
	}
	id, err := h.service.register(c.Request.Context(), clientOf(c), body.Username, body.Password, body.Email)
	if err != nil {
		return err
	}
	httpapi.Annotate(c, slog.Int64("user", id))
	var data struct {
		ID int64 `json:"userid,string"`
	}
	data.ID = id
	return httpapi.OK(c, msgRegistered, data)
}

// login serves POST /user/login.
func (h handler) login(c *gin.Context) error {
	var body struct { // plain strings: a name that no account can have is a wrong credential, not a bad request
		Username string `json:"username"`
		Password string `json:"password"`
	}
	if err := httpapi.Bind(c, &body); err != nil {
		return err
	}
	granted, id, err := h.service.login(c.Request.Context(), clientOf(c), body.Username, body.Password)
	switch {
	case err != nil && id != 0:
		httpapi.Annotate(c, slog.Int64("account", id))
		return err
	case errors.Is(err, errCredentials):
		httpapi.Annotate(c, slog.String("account", "unknown")) // and not the name as typed, which may be a password
		return err
	case err != nil:
		return err
	}
	httpapi.Annotate(c, slog.Int64("user", id))
	return httpapi.OK(c, msgLoggedIn, granted)
}

// info serves GET /user/info.
func (h handler) info(c *gin.Context) error {
	found, err := h.service.info(c.Request.Context(), auth.CallerOf(c).UserID)
	if err != nil {
		return err
	}
	return httpapi.OK(c, httpapi.MsgFound, found)
}
