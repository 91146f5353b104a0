def test_a(train):
    import time
    t=time.time(); train("a"); print("first",time.time()-t)
    t=time.time(); train("a"); print("second",time.time()-t)
def test_b(shapes_model):
    print(shapes_model.card.metrics, open(shapes_model.folder/"history.csv").read())
