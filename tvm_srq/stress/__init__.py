"""Pictures that photographs are not: saturated colours, lettering, drawings, gratings, screens. All are drawn, none is stored.

Networks are calibrated on photographs and then shown logos, cartoons and screenshots. What these drive activations to is seen
here: quantization looks at two parts of the collection, and a third one is kept for reports.
"""
