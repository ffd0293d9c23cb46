package correlate

type savedWindow struct{}

func (w *eventWindow) save() (s savedWindow)  { return }
func (w *eventWindow) load(s savedWindow)     {}
func (w *valueWindow) save() (s savedWindow)  { return }
func (w *valueWindow) load(s savedWindow)     {}
func (w *shareWindow) save() (s savedWindow)  { return }
func (w *shareWindow) load(s savedWindow)     {}
func (w *numberWindow) save() (s savedWindow) { return }
func (w *numberWindow) load(s savedWindow)    {}
func (w *ruleWindow) save() (s savedWindow)   { return }
func (w *ruleWindow) load(s savedWindow)      {}
func (w *orderWindow) save() (s savedWindow)  { return }
func (w *orderWindow) load(s savedWindow)     {}
