package local

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
)

const (
	tokenBody = 24 // execution, attempt, start of the execution in Unix nanoseconds
	tokenMAC  = 24
)

// token returns the task token of an attempt: its coordinates and a MAC over them with the file's own key. Nobody can make
// one, nothing has to be stored for it, and after a crash the attempt has the same one. The start of the execution keeps a
// token of a file that was restored from a backup from fitting another execution with the same number.
func (e *Engine) token(execution, attempt, started int64) string {
	b := make([]byte, tokenBody, tokenBody+tokenMAC)
	binary.BigEndian.PutUint64(b[0:], uint64(execution))
	binary.BigEndian.PutUint64(b[8:], uint64(attempt))
	binary.BigEndian.PutUint64(b[16:], uint64(started))
	return base64.RawURLEncoding.EncodeToString(append(b, e.mac(b)...))
}

func (e *Engine) mac(b []byte) []byte {
	m := hmac.New(sha256.New, e.store.key)
	m.Write(b)
	return m.Sum(nil)[:tokenMAC]
}

// parseToken returns the coordinates of a token that this file issued.
func (e *Engine) parseToken(token string) (execution, attempt, started int64, ok bool) {
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(b) != tokenBody+tokenMAC || !hmac.Equal(b[tokenBody:], e.mac(b[:tokenBody])) {
		return 0, 0, 0, false
	}
	return int64(binary.BigEndian.Uint64(b[0:])), int64(binary.BigEndian.Uint64(b[8:])),
		int64(binary.BigEndian.Uint64(b[16:])), true
}

// tokenMark stands for the token where parameters are recorded: the history may be read, tokens may not.
func tokenMark(execution, attempt int64) string {
	return fmt.Sprintf("[task token %d-%d]", execution, attempt)
}
