package gateway

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"hash"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// sessionHeader is the header in which the service expects the id of the conversation. The service
// refuses requests without it.
const sessionHeader = "X-Opencode-Session"

// sessionHeaders are the headers in which clients name their conversation. The first is Claude
// Code's (2.1.86 and later). Then follow Codex's, with hyphens (since 2026) and with underscores
// (before 2026), and those of other clients.
var sessionHeaders = []string{"X-Claude-Code-Session-Id", "Session-Id", "Session_id", "Conversation_id", "Thread-Id", "Thread_id",
	"X-Session-Id", "X-Session-Affinity"}

// maxSession is the greatest length of an id, in characters.
const maxSession = 128

// nameSession sets the session header of a model request that has none. The id is the same for each
// request of a conversation while this gateway runs. An id that is taken from the body is a keyed
// hash.
func (g *Gateway) nameSession(out *http.Request, x *Exchange) {
	if out.Method != http.MethodPost || first(out.Header, sessionHeader) != "" {
		return
	}
	out.Header.Set(sessionHeader, g.session(out.Header, x.body.kept))
}

// session returns the id of the conversation that a request with this header and body belongs to.
func (g *Gateway) session(h http.Header, body []byte) string {
	for _, name := range sessionHeaders {
		switch id := first(h, name); {
		case id == "":
		case plainID(id):
			return id
		default:
			return g.hashed("header", id)
		}
	}
	var b beginning
	_ = json.Unmarshal(body, &b) // a body that is not JSON leaves b empty
	switch {
	case b.CacheKey != "":
		return g.hashed("prompt_cache_key", string(b.CacheKey))
	case b.Metadata.UserID != "":
		return g.hashed("user_id", string(b.Metadata.UserID))
	case g.options.Session != "":
		return g.options.Session
	}
	return g.hashed("beginning", string(b.System), string(b.Instructions), b.Messages.system, b.Messages.user, b.Input.system, b.Input.user)
}

// plainID reports whether a client's id can be sent to the service unchanged.
func plainID(id string) bool {
	return len(id) <= maxSession && !strings.ContainsFunc(id, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && !strings.ContainsRune("-_.:", r)
	})
}

// hashed returns an id made from the parts. Without this gateway's secret, the id reveals nothing
// about the parts.
func (g *Gateway) hashed(parts ...string) string {
	mac := hmac.New(sha256.New, g.salt[:])
	for _, part := range parts {
		writePart(mac, part)
	}
	return "ses_" + hex.EncodeToString(mac.Sum(nil)[:16])
}

// writePart writes a part with its length, so that two different lists of parts never give the same
// bytes.
func writePart(to hash.Hash, part string) {
	_, _ = io.WriteString(to, strconv.Itoa(len(part))+":"+part)
}

// beginning contains the fields of a body that distinguish one conversation from another, in each
// of the three API formats. A field of an unexpected type counts as missing and does not affect the
// others.
type beginning struct {
	CacheKey scalar `json:"prompt_cache_key"`
	Metadata userID `json:"metadata"`

	Messages     opening `json:"messages"`     // in the formats chat and messages
	System       words   `json:"system"`       // in the format messages
	Instructions words   `json:"instructions"` // in the format responses
	Input        opening `json:"input"`        // in the format responses
}

type scalar string

func (s *scalar) UnmarshalJSON(raw []byte) error {
	if raw[0] == '"' {
		return json.Unmarshal(raw, (*string)(s))
	}
	return nil
}

type userID struct{ UserID scalar }

func (u *userID) UnmarshalJSON(raw []byte) error {
	var fields struct {
		UserID scalar `json:"user_id"`
	}
	_ = json.Unmarshal(raw, &fields) // a value of another type counts as missing
	u.UserID = fields.UserID
	return nil
}

// words is the text of a message's content, which is a string or a list of blocks. Fields that
// clients change from turn to turn, such as cache markers, are ignored.
type words string

func (w *words) UnmarshalJSON(raw []byte) error {
	if raw[0] == '"' {
		return json.Unmarshal(raw, (*string)(w))
	}
	var blocks []struct {
		Text     string          `json:"text"`
		Source   json.RawMessage `json:"source"`    // an image, in the format messages
		ImageURL json.RawMessage `json:"image_url"` // an image, in the other two formats
	}
	if json.Unmarshal(raw, &blocks) != nil {
		return nil
	}
	var all strings.Builder
	for _, b := range blocks {
		all.WriteString(b.Text)
		all.Write(b.Source)
		all.Write(b.ImageURL)
		all.WriteByte(0)
	}
	*w = words(all.String())
	return nil
}

// opening contains the text of the messages up to the user's first one.
type opening struct{ system, user string }

// UnmarshalJSON stops at the user's first message, because a long conversation may follow.
func (o *opening) UnmarshalJSON(raw []byte) error {
	if raw[0] == '"' {
		return json.Unmarshal(raw, &o.user)
	}
	list := json.NewDecoder(bytes.NewReader(raw))
	if start, err := list.Token(); err != nil || start != json.Delim('[') {
		return nil
	}
	for list.More() {
		var message struct {
			Role    scalar `json:"role"`
			Content words  `json:"content"`
		}
		if list.Decode(&message) != nil {
			continue // not an object; the list itself is valid JSON
		}
		switch message.Role {
		case "system", "developer":
			o.system += string(message.Content) + "\x00"
		case "user":
			o.user = string(message.Content)
			return nil
		}
	}
	return nil
}
