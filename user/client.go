package user

import (
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"strings"
	"time"
	"unicode"

	"github.com/gin-gonic/gin"

	"userorder/event"
	"userorder/httpapi"
)

// client is where a request comes from.
type client struct {
	network netip.Prefix
	address string // "" if it is unknown
	agent   string // User-Agent, cut and without control characters
}

const maxAgent = 200 // code points

func clientOf(c *gin.Context) client {
	return client{network: httpapi.ClientNetwork(c), address: httpapi.ClientAddress(c), agent: cleanAgent(c.Request.UserAgent())}
}

// cleanAgent drops control characters and whatever is not UTF-8, and cuts the text.
func cleanAgent(agent string) string {
	if len(agent) > 4*maxAgent {
		agent = agent[:4*maxAgent]
	}
	chars := []rune(strings.Map(func(char rune) rune {
		if unicode.IsControl(char) {
			return -1
		}
		return char
	}, strings.ToValidUTF8(agent, "")))
	return string(chars[:min(len(chars), maxAgent)])
}

// did returns the event of what an account has done to itself.
func (c client) did(what string, account int64, at time.Time) event.Event {
	return event.Event{Type: what, Subject: account, Actor: account, Address: c.address, At: httpapi.Timestamp{Time: at}}
}

// hashOf returns the SHA-256 of a text in hexadecimal.
func hashOf(text string) string {
	hash := sha256.Sum256([]byte(text))
	return hex.EncodeToString(hash[:])
}
