package keychain

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"filippo.io/age"
	"filippo.io/age/armor"
)

// ringVersion is the format that this program writes.
const ringVersion = 1

// maxFile bounds what is read of keys.age and of an identity, in bytes.
const maxFile = 16 << 20

// A ring is the plaintext of keys.age.
type ring struct {
	Version int               `json:"version"`
	Keys    map[string]string `json:"keys"` // by account id
}

func (r ring) ids() []string { return slices.Sorted(maps.Keys(r.Keys)) }

// read returns what is in the file, nothing where there is none yet.
func (s *fileStore) read(identities []age.Identity) (ring, error) {
	data, err := readPrivate(s.path(keysName), "the file of keys", false)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, err := s.target(); err != nil {
			return ring{}, err
		}
		return ring{Version: ringVersion, Keys: map[string]string{}}, nil
	case err != nil:
		return ring{}, err
	}
	return unseal(data, identities)
}

// damaged is the failure for a file that age wrote, but not as it is now.
func damaged(what string) *failure {
	return &failure{
		msg:  keysName + " " + what,
		hint: "put it back from a backup; what is in it shows `age -d -i IDENTITY " + keysName + "`",
	}
}

func unseal(data []byte, identities []age.Identity) (ring, error) {
	plain, err := decrypt(data, identities...)
	defer clear(plain)
	if err != nil {
		if errors.As(err, new(*age.NoIdentityMatchError)) {
			return ring{}, &failure{
				kind: Locked,
				msg:  keysName + " is encrypted for another identity",
				hint: "name the one it was made with, with --identity PATH or OCGO_KEY_IDENTITY",
			}
		}
		return ring{}, damaged("can't be decrypted: it is damaged, or no file of age's")
	}
	// Its version is read even where what follows has another shape.
	r := ring{}
	err = json.Unmarshal(plain, &r)
	switch {
	case r.Version > ringVersion:
		return ring{}, &failure{msg: keysName + " was written by a newer version of ocgo-key", hint: "upgrade this one"}
	case err != nil || r.Version < 1 || r.Keys == nil:
		return ring{}, damaged("does not hold what ocgo-key writes")
	}
	return r, nil
}

func decrypt(data []byte, identities ...age.Identity) ([]byte, error) {
	var source io.Reader = bytes.NewReader(data)
	if strings.HasPrefix(strings.TrimSpace(string(data[:min(len(data), 256)])), armor.Header) {
		source = armor.NewReader(bufio.NewReader(source))
	}
	plain, err := age.Decrypt(source, identities...)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(plain, maxFile))
}

func seal(r ring, identities []age.Identity) ([]byte, error) {
	plain := new(bytes.Buffer)
	defer func() { clear(plain.Bytes()) }()
	enc := json.NewEncoder(plain)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(r); err != nil {
		return nil, &failure{msg: "cannot encode the keys"} // not reached: a map of strings
	}
	var recipients []age.Recipient
	for _, identity := range identities {
		switch i := identity.(type) {
		case *age.X25519Identity:
			recipients = append(recipients, i.Recipient())
		case *age.HybridIdentity:
			recipients = append(recipients, i.Recipient())
		}
	}
	sealed := new(bytes.Buffer)
	w, err := age.Encrypt(sealed, recipients...)
	if err == nil {
		_, err = w.Write(plain.Bytes())
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return nil, &failure{
			kind: Refused,
			msg:  "age does not encrypt for this identity",
			hint: "leave one kind of identity in its file (X25519, as `age-keygen` makes them)",
		}
	}
	return sealed.Bytes(), nil
}
