" What a test does and sees within Vim with vim-lsp, as a user would.
" Loaded after the user's vimrc; Vim calls the test, which then sends commands down the channel.
vim9script

g:lsp_fold_enabled = 0
g:user_ends = {}
g:user_messages = []
g:user_channel = ch_open('127.0.0.1:' .. $USER_PORT, {mode: 'json'})

# What the user has been told: vim-lsp shows it by `echo`, which leaves nothing behind.
def Heard(stream: dict<any>)
  const said = has_key(stream, 'request') ? stream.request : get(stream, 'response', {})
  if get(said, 'method', '') == 'window/showMessage'
    add(g:user_messages, said.params.message)
  elseif get(said, 'method', '') == '$/progress' && get(said.params.value, 'kind', '') == 'end'
    add(g:user_messages, get(said.params.value, 'message', ''))
  endif
enddef

def g:UserListen(): bool
  lsp#callbag#pipe(lsp#stream(), lsp#callbag#subscribe({next: Heard}))
  return true
enddef

def g:UserIsAttached(): bool
  return lsp#get_server_status('kibitz') == 'running'
enddef

# The line of the current buffer that contains `text`, 0 for none.
def g:UserLineOf(text: string): number
  return match(getline(1, '$'), '\V' .. escape(text, '\')) + 1
enddef

# Ask for the menu of code actions, as `:LspCodeAction` does.
def g:UserOpenMenu(selected: bool): bool
  popup_clear()
  lsp#ui#vim#code_action#do({selection: selected, ui: 'float'})
  return true
enddef

# What stands in the menu, nothing while there is none.
def g:UserMenu(): list<string>
  for id in popup_list()
    if get(popup_getoptions(id), 'title', '') =~ 'Code actions'
      return getbufline(winbufnr(id), 1, '$')
    endif
  endfor
  return []
enddef

# Choose the entry of the menu at a 1-based index; 0 leaves it.
def g:UserChoose(index: number): bool
  for id in popup_list()
    if get(popup_getoptions(id), 'title', '') =~ 'Code actions'
      popup_close(id, index > 0 ? index : -1)
      return true
    endif
  endfor
  return false
enddef

def g:UserDiagnostics(): list<dict<any>>
  const uri = lsp#utils#get_buffer_uri()
  const by_server = lsp#internal#diagnostics#state#_get_all_diagnostics_grouped_by_server_for_uri(uri)
  var found: list<dict<any>> = []
  for response in values(by_server)
    for one in response.params.diagnostics
      add(found, {line: one.range.start.line + 1, message: one.message})
    endfor
  endfor
  return sort(found, (one, other) => one.line - other.line)
enddef

# Ask for the hover, as `:LspHover` does; the text is in the window that it opens.
def g:UserAskHover(): bool
  popup_clear()
  g:user_hover_done = false
  lsp#send_request('kibitz', {
    method: 'textDocument/hover',
    params: {textDocument: lsp#get_text_document_identifier(), position: lsp#get_position()},
    on_notification: (data) => {
      const result = data.response.result
      g:user_hover = type(result) == v:t_dict ? result.contents.value : ''
      g:user_hover_done = true
    },
  })
  return true
enddef
