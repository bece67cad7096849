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

// sessionHeader is the header in which the service expects the id of the conversation. It refuses
// requests without one.
const sessionHeader = "X-Opencode-Session"

// sessionHeaders are the headers in which clients name their conversation, the more specific ones
// first: Claude Code's (2.1.86 and later), Codex's (with hyphens since 2026, with underscores
// before), and those of other clients.
var sessionHeaders = []string{"X-Claude-Code-Session-Id", "Session-Id", "Session_id", "Conversation_id", "Thread-Id", "Thread_id",
	"X-Session-Id", "X-Session-Affinity"}

// maxSession is the greatest length of an id, in characters.
const maxSession = 128

// nameSession sets the session header of a model request that has none. The id is the same for each
// request of a conversation while this gateway runs. A client's own id is never changed, and of a
// body only a keyed hash is sent.
func (g *Gateway) nameSession(out *http.Request, x *Exchange) {
	if out.Method != http.MethodPost || out.Header.Get(sessionHeader) != "" {
		return
	}
	out.Header.Set(sessionHeader, g.session(out.Header, x.body.kept))
}

// session returns the id of the conversation that a request with this head and body belongs to.
func (g *Gateway) session(h http.Header, body []byte) string {
	for _, name := range sessionHeaders {
		switch id := h.Get(name); {
		case id == "":
		case plainID(id):
			return id
		default:
			return g.hashed("header", id)
		}
	}
	var b beginning
	_ = json.Unmarshal(body, &b) // a body that can't be read says nothing
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

// hashed returns an id that reveals nothing about the parts without this gateway's secret.
func (g *Gateway) hashed(parts ...string) string {
	mac := hmac.New(sha256.New, g.salt[:])
	for _, part := range parts {
		writePart(mac, part)
	}
	return "ses_" + hex.EncodeToString(mac.Sum(nil)[:16])
}

// writePart writes a part with its length, so that different parts never hash alike.
func writePart(to hash.Hash, part string) {
	_, _ = io.WriteString(to, strconv.Itoa(len(part))+":"+part)
}

// beginning is the part of a body, in any of the three formats, that distinguishes one conversation
// from another. A field of an unexpected type counts as missing, so that it does not hide the
// others.
type beginning struct {
	CacheKey scalar `json:"prompt_cache_key"`
	Metadata userID `json:"metadata"`

	Messages     opening `json:"messages"`     // of chat and messages
	System       words   `json:"system"`       // of messages
	Instructions words   `json:"instructions"` // of responses
	Input        opening `json:"input"`        // of responses
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
	_ = json.Unmarshal(raw, &fields) // another type: treated as missing
	u.UserID = fields.UserID
	return nil
}

// words returns the text of a content, which is a string or a list of blocks. What clients change
// in a block from turn to turn, such as a cache marker, is left out.
type words string

func (w *words) UnmarshalJSON(raw []byte) error {
	if raw[0] == '"' {
		return json.Unmarshal(raw, (*string)(w))
	}
	var blocks []struct {
		Text     string          `json:"text"`
		Source   json.RawMessage `json:"source"`    // an image, of messages
		ImageURL json.RawMessage `json:"image_url"` // of the other two
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

// opening holds the messages up to the user's first one.
type opening struct{ system, user string }

// UnmarshalJSON stops at that message: the rest can be a long conversation.
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
			continue // not an object; the list as a whole is known to be well-formed
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
