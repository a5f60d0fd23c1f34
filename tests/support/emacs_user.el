;;; emacs_user.el --- What a test does and sees within Emacs, as a user would  -*- lexical-binding: t; -*-

;; Loaded after the user's init file.  Each function gives what `json-serialize' can take.

(require 'json)
(require 'server)
(require 'seq)
(require 'cl-lib)

(setq server-socket-dir (getenv "USER_SOCKET_FOLDER")
      server-name "test")
(server-start)

(defvar user-questions nil
  "What Emacs has asked, newest first.")

(defvar user-answers nil
  "What to say to the questions to come, first one first; t is yes.")

(define-advice y-or-n-p (:around (_ask prompt) user)
  (push prompt user-questions)
  (pop user-answers))

(defun user-text ()
  "The text of the current buffer."
  (save-restriction (widen) (buffer-substring-no-properties (point-min) (point-max))))

(defun user-type (text)
  "Insert TEXT at point as one command of the user's."
  (undo-boundary)
  (insert text)
  (undo-boundary)
  t)

(defun user-go-to (line &optional column)
  "Put point on the 1-based LINE at the 0-based COLUMN, with no region."
  (deactivate-mark)
  (goto-char (point-min))
  (forward-line (1- line))
  (forward-char (or column 0))
  t)

(defun user-select (first last)
  "Select the whole lines from FIRST to LAST, 1-based."
  (user-go-to first)
  (push-mark (point) t t)
  (forward-line (- last (1- first)))
  (setq mark-active t)
  t)

(defun user-undo ()
  "Undo one step, as a command."
  (undo-boundary)
  (setq last-command 'ignore)
  (undo-only 1)
  (undo-boundary)
  t)

(defun user-messages ()
  "What `*Messages*' holds."
  (with-current-buffer "*Messages*" (user-text)))

(defun user-choosing (title function)
  "Call FUNCTION; where it lets choose, choose what begins with TITLE."
  (cl-letf (((symbol-function 'completing-read)
             (lambda (_prompt collection &rest _)
               (let ((titles (all-completions "" collection)))
                 (or (seq-find (lambda (each) (string-prefix-p title each)) titles)
                     (error "No %s among %S" title titles))))))
    (funcall function))
  t)

(provide 'emacs_user)
;;; emacs_user.el ends here
